-- title: a materialized view and checks that compute with the zone of the session
-- facts: 6.2 expressions over other columns; 7.2 REFRESH runs the query again
-- plain: 0A000
-- convert: sales.noted
-- query: SELECT day::text, week, amount FROM daily ORDER BY 1
-- query: SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'same_day'
CREATE TABLE sales (id int PRIMARY KEY, at timestamptz NOT NULL, day date NOT NULL,
    noted timestamp, amount int,
    CONSTRAINT same_day CHECK (noted IS NOT NULL AND at::date = day));
INSERT INTO sales SELECT g, a, a::date, '2024-01-15 12:30:00.123456', g
FROM generate_series(0, 47) AS g,
    LATERAL (SELECT timestamptz '2024-01-01 00:30' + g * interval '1 hour') AS h (a);
CREATE MATERIALIZED VIEW daily AS
    SELECT at::date AS day, min(at)::text AS week, max(noted) AS noted, sum(amount) AS amount
    FROM sales GROUP BY 1;
