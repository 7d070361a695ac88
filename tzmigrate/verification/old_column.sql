-- old_column: every row of a zoned column compared with the naive one that stands beside it, read in a zone, to the microsecond
-- params: zone as literal; column, old and relation as identifiers
-- gives: fate text (same, blank: both are NULL or the same infinity, which any zone leaves alike, bare: the old one is NULL, moved), microseconds numeric, rows bigint   needs: PostgreSQL 13+
SELECT x.fate,
       CASE WHEN x.fate = 'moved' AND isfinite(x.is_now) AND isfinite(x.was) THEN
           ('x' || encode(timestamptz_send(x.is_now), 'hex'))::bit(64)::bigint::numeric - ('x' || encode(timestamptz_send(x.was), 'hex'))::bit(64)::bigint END,
       count(*)
FROM {relation} AS t, LATERAL (
    SELECT v.*, CASE WHEN v.is_now IS NOT DISTINCT FROM v.was THEN CASE WHEN isfinite(v.was) THEN 'same' ELSE 'blank' END
                   WHEN v.was IS NULL THEN 'bare' ELSE 'moved' END AS fate
    FROM (SELECT t.{column} AS is_now, t.{old} AT TIME ZONE {zone} AS was) AS v) AS x
GROUP BY 1, 2
