-- clock_changes: rows of one column whose wall clock its zone skips (gap), has twice (overlap), or that conversion moves
-- out of the range of the type (beyond)
-- params: column and relation as identifiers; the session's TimeZone is the column's zone
-- gives: gap bigint, overlap bigint, beyond bigint   needs: PostgreSQL 13+   source: postgres-facts.md section 9
-- The window of 26 hours holds every change of a clock (24 h at most) and never two of them (7 days apart at least).
-- No clock changed before 1844.
SELECT count(*) FILTER (WHERE i::timestamp <> c),
       count(*) FILTER (WHERE i::timestamp = c AND b > a AND (i - (b - a))::timestamp = c),
       count(*) FILTER (WHERE c < TIMESTAMP '4714-11-26 BC' OR c >= TIMESTAMP '294276-12-29')
FROM (SELECT c, i, i::timestamp - (i AT TIME ZONE INTERVAL '0') AS a,
             (i - INTERVAL '26 hours')::timestamp - ((i - INTERVAL '26 hours') AT TIME ZONE INTERVAL '0') AS b
      FROM (SELECT t.{column}::timestamp AS c,
                   CASE WHEN t.{column} >= TIMESTAMP '1800-01-01' AND t.{column} < TIMESTAMP '294276-12-29'
                        THEN t.{column}::timestamp::timestamptz END AS i
            FROM {relation} AS t WHERE isfinite(t.{column})) AS x) AS y
