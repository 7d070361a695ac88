-- offsets_between: by how much values would have to move, had they been converted in one zone and been meant in another
-- params: made and meant, two zones, as literals; column and relation as identifiers
-- gives: microseconds bigint, rows bigint, the most frequent first   needs: PostgreSQL 13+
SELECT (extract(epoch FROM ((t.{column} AT TIME ZONE {made}) AT TIME ZONE {meant}) - t.{column}) * 1000000)::bigint, count(*)
FROM {relation} AS t WHERE t.{column} > TIMESTAMPTZ '1800-01-01 00:00+00' AND t.{column} < TIMESTAMPTZ '2300-01-01 00:00+00'
GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10
