-- replication: one row per relation that is published or filled by a subscription
-- params: relations oid[]   gives: rows.ReplicationRow   needs: PostgreSQL 13+
SELECT DISTINCT c.oid::pg_catalog.int8, 'publication', p.pubname::pg_catalog.text
FROM pg_catalog.pg_publication p
CROSS JOIN LATERAL pg_catalog.pg_get_publication_tables(p.pubname::pg_catalog.text) t
JOIN pg_catalog.pg_class c ON c.oid = t.relid
WHERE c.oid = ANY (%(relations)s::pg_catalog.oid[])
UNION ALL
SELECT r.srrelid::pg_catalog.int8, 'subscription', s.subname::pg_catalog.text
FROM pg_catalog.pg_subscription_rel r
JOIN pg_catalog.pg_subscription s ON s.oid = r.srsubid
WHERE r.srrelid = ANY (%(relations)s::pg_catalog.oid[])
ORDER BY 1, 2, 3
