-- ahead: rows of a column that stand in the future, within reach of a wrong zone and further away
-- params: column and relation as identifiers
-- gives: near bigint, far bigint, the furthest of the near text   needs: PostgreSQL 13+   No zone is further from another than 26 hours.
SELECT count(*) FILTER (WHERE t.{column} <= now() + INTERVAL '26 hours'), count(*) FILTER (WHERE t.{column} > now() + INTERVAL '26 hours'),
       (max(t.{column}) FILTER (WHERE t.{column} <= now() + INTERVAL '26 hours') - now())::text
FROM {relation} AS t WHERE t.{column} > now() + INTERVAL '1 minute' AND isfinite(t.{column})
