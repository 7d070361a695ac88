-- steps: the newest finished run of each step in the ledger, with its columns
-- gives: verification.ledger.LedgerColumn   needs: the ledger, version 1
WITH last AS (
    SELECT DISTINCT ON (s.step, s.part) s.* FROM tzmigrate.step AS s WHERE s.done_at IS NOT NULL ORDER BY s.step, s.part, s.id DESC
)
SELECT s.id, s.step, s.direction, s.revision, s.rewrite, s.proof, s.key, s.masked, s.rows_total, s.horizon, s.session_zone,
       s.transaction_ids, s.file_nodes_before = s.file_nodes_after AS file_kept,
       to_char(s.done_at AT TIME ZONE 'Etc/UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS done_at,
       c.position, c.relation_schema, c.relation_name, c.column_name, c.type_before, c.type_after, c.zone, c.adopted,
       c.fingerprint_before::text AS fingerprint,
       EXISTS (SELECT FROM last AS l JOIN tzmigrate.step_column AS y ON y.step_id = l.id
               WHERE l.id > s.id AND y.relation_schema = c.relation_schema AND y.relation_name = c.relation_name
                 AND y.column_name = c.column_name) AS superseded,
       s.system_identifier,
       pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::pg_catalog.text::pg_catalog.int8 AS next_xid,
       s.database_oid = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database()) AS same_database,
       s.relation_oid::pg_catalog.int8 AS relation_oid, relation::pg_catalog.oid::pg_catalog.int8 AS relation_oid_now,
       -- where the table that had the name is now
       (SELECT pg_catalog.concat(k.oid::pg_catalog.regclass) FROM pg_catalog.pg_class AS k WHERE k.oid = s.relation_oid) AS called,
       -- a view in its place would run its functions with the rights of the role that verifies
       (SELECT tzmigrate.type_label(a.atttypid, a.atttypmod) FROM pg_catalog.pg_attribute AS a
        JOIN pg_catalog.pg_class AS k ON k.oid = a.attrelid AND k.relkind IN ('r', 'p')
        WHERE a.attrelid = relation AND a.attname = c.column_name AND NOT a.attisdropped) AS type_now,
       -- what has these names now is what had them then
       c.attnum = (SELECT a.attnum FROM pg_catalog.pg_attribute AS a
                   WHERE a.attrelid = relation AND a.attname = c.column_name) AS same_column,
       s.key_identity IS NOT DISTINCT FROM tzmigrate.key_identity(relation, s.key) AS same_key,
       (SELECT min(k) FROM unnest(s.key) AS k
        WHERE k NOT IN ('tableoid', 'ctid') AND tzmigrate.key_type(relation, k::name) IS NULL) AS key_gone,
       (SELECT pg_catalog.array_agg(pg_catalog.split_part(f, '=', 1)::pg_catalog.int8)
        FROM pg_catalog.unnest(pg_catalog.string_to_array(s.file_nodes_after, ',')) AS f) AS leaves,
       -- partitions that came later do not matter
       pg_catalog.string_to_array(s.file_nodes_after, ',') OPERATOR(pg_catalog.<@)
           pg_catalog.string_to_array(tzmigrate.file_nodes(relation), ',') AS file_same
FROM last AS s JOIN tzmigrate.step_column AS c ON c.step_id = s.id
CROSS JOIN LATERAL pg_catalog.to_regclass(pg_catalog.concat(
    pg_catalog.quote_ident(c.relation_schema), '.', pg_catalog.quote_ident(c.relation_name))) AS relation
ORDER BY s.id, c.position
