-- clock_changes_inside: rows of one column that hold, as element or bound, a wall clock that its zone skips (gap), has
-- twice (overlap), or that conversion moves out of the range of the type (beyond); a row counts once for each
-- params: moments, a query for the moments in the column of a row t; relation as identifier; the session's TimeZone is
--   the column's zone
-- gives: gap bigint, overlap bigint, beyond bigint   needs: PostgreSQL 13+   source: postgres-facts.md section 9
-- The window and the limits are those of clock_changes.
SELECT count(*) FILTER (WHERE z.gap), count(*) FILTER (WHERE z.overlap), count(*) FILTER (WHERE z.beyond)
FROM {relation} AS t, LATERAL (
  SELECT bool_or(i::timestamp <> c) AS gap,
         bool_or(i::timestamp = c AND b > a AND (i - (b - a))::timestamp = c) AS overlap,
         bool_or(c < TIMESTAMP '4714-11-26 BC' OR c >= TIMESTAMP '294276-12-29') AS beyond
  FROM (SELECT c, i, i::timestamp - (i AT TIME ZONE INTERVAL '0') AS a,
               (i - INTERVAL '26 hours')::timestamp - ((i - INTERVAL '26 hours') AT TIME ZONE INTERVAL '0') AS b
        FROM (SELECT m.v AS c, CASE WHEN m.v >= TIMESTAMP '1800-01-01' AND m.v < TIMESTAMP '294276-12-29'
                                    THEN m.v::timestamptz END AS i
              FROM ({moments}) AS m (v) WHERE isfinite(m.v)) AS x) AS y) AS z
