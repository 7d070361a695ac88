-- sibling: the oldest rows by a column that takes the moment of the insertion; how many hold that moment as they stand, and how many would,
-- had they been converted in another zone than the one they are meant in
-- params: made, zones, and meant, a zone, as literals; column, sibling and relation as identifiers
-- gives: zone text, rows bigint, fit bigint, moved bigint   needs: PostgreSQL 13+
SELECT z.zone, count(*), count(*) FILTER (WHERE r.fit),
       count(*) FILTER (WHERE NOT r.fit AND ((r.value AT TIME ZONE z.zone) AT TIME ZONE {meant}) - r.sibling BETWEEN INTERVAL '-1 minute' AND INTERVAL '1 minute')
FROM (SELECT t.{column} AS value, t.{sibling} AS sibling, t.{column} - t.{sibling} BETWEEN INTERVAL '-1 minute' AND INTERVAL '1 minute' AS fit
      FROM {relation} AS t
      WHERE t.{column} > TIMESTAMPTZ '1800-01-01 00:00+00' AND t.{column} < TIMESTAMPTZ '2300-01-01 00:00+00' AND isfinite(t.{sibling})
      ORDER BY t.{sibling} LIMIT 1000) AS r, unnest({made}::text[]) AS z (zone)
GROUP BY z.zone
