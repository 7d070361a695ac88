-- clock_changes: rows of one column whose wall clock its zone skips (gap), or has twice (overlap)
-- params: {column}, {relation} as identifiers; the session's TimeZone is the column's zone
-- gives: gap bigint, overlap bigint   needs: PostgreSQL 13+   source: postgres-facts.md section 9
-- The window of 26 hours holds every change of a clock (24 h at most) and never two of them (7 days apart at least).
SELECT count(*) FILTER (WHERE i::timestamp <> c),
       count(*) FILTER (WHERE i::timestamp = c AND b > a AND (i - (b - a))::timestamp = c)
FROM (SELECT c, i, i::timestamp - (i AT TIME ZONE INTERVAL '0') AS a,
             (i - INTERVAL '26 hours')::timestamp - ((i - INTERVAL '26 hours') AT TIME ZONE INTERVAL '0') AS b
      FROM (SELECT t.{column}::timestamp AS c, t.{column}::timestamp::timestamptz AS i
            FROM {relation} AS t WHERE isfinite(t.{column})) AS x) AS y
