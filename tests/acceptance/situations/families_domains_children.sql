-- title: children and partitions with own defaults in columns of a domain
-- facts: 9, 10 domain
-- alter: ALTER DOMAIN moment TYPE timestamptz
-- plain: 42601
-- zone: America/New_York
-- convert: parent.at, tree.at
-- query: INSERT INTO child (id) VALUES (9) RETURNING {at}
-- query: INSERT INTO parent (id) VALUES (9) RETURNING {at}
-- query: INSERT INTO tree_1 (id) VALUES (1) RETURNING {at}
-- query: INSERT INTO tree (id) VALUES (1) RETURNING {at}
CREATE DOMAIN moment AS timestamp CHECK (value > '1900-01-01');
CREATE DOMAIN later AS moment DEFAULT '2023-03-03';
CREATE TABLE parent (id int PRIMARY KEY, at moment DEFAULT '2020-01-01 12:00');
CREATE TABLE child () INHERITS (parent);
ALTER TABLE child ALTER at SET DEFAULT '2022-02-02 02:02';
CREATE TABLE tree (id int, at later) PARTITION BY LIST (id);
CREATE TABLE tree_1 PARTITION OF tree (at DEFAULT '2021-01-01') FOR VALUES IN (1);
INSERT INTO parent VALUES (1, '2024-01-15 12:30:00.123456'), (2, NULL);
INSERT INTO child VALUES (3, '1999-12-31 23:59:59.999999');
INSERT INTO tree VALUES (1, '2024-07-01');
