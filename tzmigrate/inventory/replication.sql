-- replication: one row per relation that is published or filled by a subscription
-- params: relations oid[]   gives: rows.ReplicationRow   needs: PostgreSQL 13+
SELECT DISTINCT c.oid::pg_catalog.int8, 'publication',
       pg_catalog.pg_describe_object(
         'pg_catalog.pg_publication'::pg_catalog.regclass, p.oid, 0)
FROM pg_catalog.pg_publication p
CROSS JOIN LATERAL pg_catalog.pg_get_publication_tables(p.pubname::pg_catalog.text) t
JOIN pg_catalog.pg_class c ON c.oid = t.relid
WHERE c.oid = ANY (%(relations)s::pg_catalog.oid[])
UNION ALL
-- described, not joined: not every version lets every role read pg_subscription.oid
SELECT r.srrelid::pg_catalog.int8, 'subscription',
       pg_catalog.pg_describe_object(
         'pg_catalog.pg_subscription'::pg_catalog.regclass, r.srsubid, 0)
FROM pg_catalog.pg_subscription_rel r
WHERE r.srrelid = ANY (%(relations)s::pg_catalog.oid[])
ORDER BY 1, 2, 3
