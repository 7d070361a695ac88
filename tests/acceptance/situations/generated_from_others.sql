-- title: a naive generated column, none of whose sources is converted
-- facts: 6.4 a generated column g of type ts
-- silent: INSERT INTO orders VALUES (50, '2024-03-03', '07:00') RETURNING {opens_at}
-- convert: orders.opens_at
CREATE TABLE orders (
    id int PRIMARY KEY, day date, clock time,
    opens_at timestamp GENERATED ALWAYS AS (day + clock) STORED
);
INSERT INTO orders VALUES (1, '2024-01-15', '08:00:00.123456'), (2, NULL, '08:00'),
    (3, '0044-03-15 BC', '23:59:59.999999');
