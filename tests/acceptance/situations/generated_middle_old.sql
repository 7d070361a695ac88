-- title: before SET EXPRESSION a generated column in the middle cannot keep its place
-- facts: 7.4
-- max: 16
-- plain 13-14: 42601
-- plain: 0A000
-- refuse: orders.placed_at TZ115
CREATE TABLE orders (
    id int PRIMARY KEY, day date GENERATED ALWAYS AS (placed_at::date) STORED,
    placed_at timestamp, note text
);
INSERT INTO orders VALUES (1, DEFAULT, '2024-01-15 12:30:00.123456', 'a');
