-- surroundings: what stands around converted columns and does not go along by itself (postgres-facts.md sections 6, 8 and 15)
-- params: steps bigint[], of steps that left zoned columns   gives: kind, object, detail, statement   needs: the ledger, version 1; PostgreSQL 13+
WITH RECURSIVE converted AS (
    SELECT s.id, s.done_at, to_regclass(concat(quote_ident(c.relation_schema), '.', quote_ident(c.relation_name))) AS root, c.column_name, c.zone
    FROM tzmigrate.step AS s JOIN tzmigrate.step_column AS c ON c.step_id = s.id WHERE s.id = ANY (%(steps)s::bigint[])
), tree (root, relation) AS (
    SELECT root::oid, root::oid FROM converted
    UNION
    SELECT tree.root, i.inhrelid FROM tree JOIN pg_inherits AS i ON i.inhparent = tree.relation
), attribute AS (
    SELECT k.oid, k.relkind, k.reltuples, k.relpages, a.attstattarget, a.attnum, a.attname, a.atttypid, c.zone
    FROM converted AS c JOIN tree ON tree.root = c.root JOIN pg_class AS k ON k.oid = tree.relation
    JOIN pg_attribute AS a ON a.attrelid = k.oid AND a.attname = c.column_name AND NOT a.attisdropped
)
SELECT 'index' AS kind, i.indexrelid::regclass::text AS object, i.indrelid::regclass::text AS detail,
       concat('REINDEX INDEX CONCURRENTLY ', i.indexrelid::regclass, ';') AS statement
FROM pg_index AS i WHERE i.indrelid IN (SELECT relation FROM tree) AND NOT (i.indisvalid AND i.indisready)
  -- the index of a partitioned table is invalid until each partition has its own
  AND NOT EXISTS (SELECT FROM pg_class AS k WHERE k.oid = i.indexrelid AND k.relkind = 'I')
UNION ALL
-- timestamptz(timestamp) and timestamptz(date) read the zone of whatever session inserts; where that zone made the naive
-- value as well, as in LOCALTIMESTAMP or now()::timestamp, both cancel out
SELECT 'default', concat(a.oid::regclass, '.', quote_ident(a.attname)), pg_get_expr(d.adbin, d.adrelid), quote_literal(a.zone)
FROM attribute AS a JOIN pg_attrdef AS d ON d.adrelid = a.oid AND d.adnum = a.attnum
WHERE d.adbin::text ~ ':funcid (1174 |2028 [^{]*[(]{(?!SQLVALUEFUNCTION|FUNCEXPR :funcid 2027 ))'
UNION ALL
SELECT 'statistics', a.oid::regclass::text, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum),
       concat('ANALYZE ', a.oid::regclass, ' (', string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum), ');')
FROM attribute AS a
WHERE a.relkind IN ('r', 'm') AND pg_relation_size(a.oid) > 0 AND NOT (a.relpages > 0 AND a.reltuples = 0) AND coalesce(a.attstattarget, -1) <> 0
  -- of what we may not see nothing is said
  AND has_column_privilege(a.oid, a.attnum, 'SELECT') AND NOT row_security_active(a.oid)
  AND NOT EXISTS (SELECT FROM pg_stats AS p JOIN pg_namespace AS n ON n.nspname = p.schemaname JOIN pg_class AS k ON k.relnamespace = n.oid AND k.relname = p.tablename
                  WHERE k.oid = a.oid AND p.attname = a.attname)
GROUP BY a.oid
UNION ALL
SELECT 'session', coalesce(nullif(x.application_name, ''), x.usename), count(*)::text,
       concat('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND usename = ', quote_literal(x.usename),
           ' AND application_name = ', quote_literal(x.application_name), ' AND backend_type = ''client backend'' AND pid <> pg_backend_pid() AND backend_start < ',
           quote_literal(to_char(l.at AT TIME ZONE 'Etc/UTC', 'YYYY-MM-DD HH24:MI:SS.US+00')), ';')
FROM (SELECT max(done_at) AS at FROM converted) AS l
JOIN pg_stat_activity AS x ON x.datname = current_database() AND x.backend_type = 'client backend' AND x.backend_start < l.at AND x.pid <> pg_backend_pid()
GROUP BY x.usename, x.application_name, l.at
UNION ALL
SELECT 'slot', s.slot_name, concat(s.plugin, CASE WHEN NOT s.active THEN ', not active' END), ''
FROM pg_replication_slots AS s WHERE s.slot_type = 'logical' AND s.database = current_database()
UNION ALL
-- described, not joined: not every version lets every role read pg_subscription.oid
SELECT 'subscription', r.srrelid::regclass::text, pg_describe_object('pg_subscription'::regclass, r.srsubid, 0), ''
FROM pg_subscription_rel AS r WHERE r.srrelid IN (SELECT relation FROM tree)
ORDER BY 1, 2
