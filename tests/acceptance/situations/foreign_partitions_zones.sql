-- title: a foreign table in a tree is not read, where clock changes are counted
-- facts: 4 foreign table
-- plain: ok
-- zone: America/New_York
-- refuse: orders.placed_at TZ138
-- convert: others.at
-- differs: orders.id, orders.placed_at, orders_there.id, orders_there.placed_at
CREATE TABLE orders (id int, placed_at timestamp) PARTITION BY LIST (id);
CREATE TABLE orders_here PARTITION OF orders FOR VALUES IN (2);
CREATE TABLE others (at timestamp);
INSERT INTO others VALUES ('2024-01-15 12:30:00.123456'), (NULL), ('infinity');
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER far_away FOREIGN DATA WRAPPER nowhere;
CREATE FOREIGN TABLE orders_there PARTITION OF orders FOR VALUES IN (1) SERVER far_away;
