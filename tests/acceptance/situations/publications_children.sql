-- title: a publication with the children and partitions of a filtered table
-- facts: 4, 7.7
-- min: 15
-- plain: 0A000
-- convert: parent.at, tree.at
CREATE TABLE parent (id int PRIMARY KEY, at timestamp);
CREATE TABLE child (more int) INHERITS (parent);
CREATE TABLE tree (id int, at timestamp) PARTITION BY LIST (id);
CREATE TABLE tree_1 PARTITION OF tree DEFAULT;
INSERT INTO parent VALUES (1, '2024-01-15 12:30:00.123456'), (2, NULL);
INSERT INTO child VALUES (3, '1999-12-31 23:59:59.999999');
INSERT INTO tree VALUES (1, 'infinity');
SET client_min_messages = error;
CREATE PUBLICATION filtered FOR TABLE parent WHERE (at > '2000-01-01'),
    tree WHERE (at > '2000-01-01') WITH (publish_via_partition_root);
CREATE PUBLICATION columns FOR TABLE ONLY parent (id, at), tree_1 (at);
