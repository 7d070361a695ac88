-- baselines: what steps recorded, with a digest of all of it: whoever keeps the digest sees whether the ledger was written since
-- params: steps bigint[]   gives: id, role, server version, cluster, recorded rows, SHA-256   needs: the ledger, version 1; pinned DateStyle and TimeZone
SELECT s.id, s.role_name, s.server_version, s.system_identifier,
       (SELECT count(*) FROM tzmigrate.sample AS p WHERE p.step_id = s.id),
       pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.concat_ws(E'\n',
           ROW(s.step, s.part, s.direction, s.revision, s.relation_schema, s.relation_name, s.relation_oid, s.rewrite, s.proof, s.key, s.key_identity, s.masked, s.rows_total, s.horizon,
               s.transaction_ids, s.file_nodes_before, s.file_nodes_after, s.session_zone, s.system_identifier, s.role_name, s.server_version, s.done_at)::text,
           (SELECT string_agg(ROW(c.position, c.relation_schema, c.relation_name, c.column_name, c.attnum, c.type_before, c.type_after, c.zone, c.adopted, c.values_before,
                                  c.infinite_before, c.fingerprint_before, c.lowest_before, c.highest_before)::text, E'\n' ORDER BY c.position)
            FROM tzmigrate.step_column AS c WHERE c.step_id = s.id),
           (SELECT string_agg(ROW(p.key, p.wall, p.instant, p.edge)::text, E'\n' ORDER BY p.key::text COLLATE "C")
            FROM tzmigrate.sample AS p WHERE p.step_id = s.id)), 'UTF8')), 'hex')
FROM tzmigrate.step AS s WHERE s.id = ANY (%(steps)s::bigint[])
