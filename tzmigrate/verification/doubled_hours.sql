-- doubled_hours: for each time that a zone's clock went back, the rows that stand in the first pass of the doubled hour, where a conversion in
-- that zone puts none, as AT TIME ZONE takes the second; and the rows of the same hour one and two weeks before, which say how many are usual
-- params: zone and before (an instant) as literals; column and relation as identifiers; the session's TimeZone is Etc/UTC
-- gives: change text, first bigint, usual numeric   needs: PostgreSQL 13+   source: postgres-facts.md section 9
-- Since 1970 clocks go back at quarters of an hour, and never twice within two weeks and a day.
WITH ends AS MATERIALIZED (
    SELECT date_trunc('day', greatest(min(t.{column}), TIMESTAMPTZ '1970-01-20 00:00+00')) - INTERVAL '1 day' AS low,
           least(max(t.{column}), {before}::timestamptz) AS high
    FROM {relation} AS t WHERE isfinite(t.{column})
), day AS (
    SELECT d.d FROM ends AS e, LATERAL generate_series(e.low, e.high, INTERVAL '1 day') AS d (d)
    WHERE ((d.d + INTERVAL '1 day') AT TIME ZONE {zone}) - (d.d AT TIME ZONE {zone}) < INTERVAL '1 day'
), change AS (
    SELECT min(q.q) AS at, INTERVAL '1 day' - (((day.d + INTERVAL '1 day') AT TIME ZONE {zone}) - (day.d AT TIME ZONE {zone})) AS back
    FROM day, LATERAL generate_series(day.d, day.d + INTERVAL '1 day', INTERVAL '15 minutes') AS q (q)
    WHERE (q.q AT TIME ZONE {zone}) - (q.q AT TIME ZONE INTERVAL '0') <> (day.d AT TIME ZONE {zone}) - (day.d AT TIME ZONE INTERVAL '0')
    GROUP BY day.d
), numbered AS (
    SELECT c.at, c.back, row_number() OVER (ORDER BY c.at) AS number FROM change AS c, ends AS e WHERE c.at <= e.high
), edge AS MATERIALIZED (
    SELECT array_agg(x.at ORDER BY x.at) AS edges FROM numbered AS n, LATERAL (VALUES (n.at - INTERVAL '14 days' - n.back), (n.at - INTERVAL '14 days'),
        (n.at - INTERVAL '7 days' - n.back), (n.at - INTERVAL '7 days'), (n.at - n.back), (n.at)) AS x (at)
), held AS (
    -- one pass over the table: which of six places around a change, counted from 0
    SELECT width_bucket(t.{column}, e.edges) - 1 AS place, count(*) AS rows FROM {relation} AS t, edge AS e WHERE isfinite(t.{column}) GROUP BY 1
)
SELECT to_char(n.at AT TIME ZONE INTERVAL '0', 'YYYY-MM-DD"T"HH24:MI"Z"'),
       coalesce(sum(h.rows) FILTER (WHERE mod(h.place, 6) = 4), 0)::bigint,
       coalesce(sum(h.rows) FILTER (WHERE mod(h.place, 6) IN (0, 2)), 0) / 2
FROM numbered AS n LEFT JOIN held AS h ON h.place >= 0 AND h.place / 6 + 1 = n.number
GROUP BY n.number, n.at ORDER BY n.number
