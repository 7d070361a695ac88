-- properties: everything about user objects but types, expressions and values
-- gives: kind, identity, properties as text   needs: PostgreSQL 13+
WITH spaces AS (
    SELECT oid FROM pg_namespace
    WHERE nspname !~ '^pg_|^information_schema$' AND nspname <> 'tzmigrate'
), relations AS (
    SELECT c.* FROM pg_class c
    WHERE c.relnamespace IN (SELECT oid FROM spaces)
      AND c.relname NOT LIKE 'alembic\_version%'
), functions AS (
    SELECT p.* FROM pg_proc p
    WHERE p.pronamespace IN (SELECT oid FROM spaces)
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass
                      AND d.objid = p.oid AND d.deptype = 'e' AND p.oid < 16384)
), found AS (
    SELECT 'pg_class'::regclass AS classid, c.oid AS objid, 0 AS objsubid,
           c.relacl AS acl, CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END AS acltype,
           c.relowner AS owner,
           jsonb_build_object('options', c.reloptions, 'persistence', c.relpersistence,
               'security', c.relrowsecurity, 'force', c.relforcerowsecurity,
               'identity', c.relreplident, 'populated', c.relispopulated,
               'kind', c.relkind, 'am', c.relam, 'space', c.reltablespace,
               'partition', c.relispartition, 'of', c.reloftype::regtype::text,
               'triggers', c.relhastriggers, 'bound', pg_get_expr(c.relpartbound, c.oid)
           ) AS properties
    FROM relations c
    UNION ALL
    SELECT 'pg_class'::regclass, c.oid, a.attnum, a.attacl, 'c', c.relowner,
           jsonb_build_object('not null', a.attnotnull,
               'target', coalesce(a.attstattarget, -1),
               'options', (SELECT array_agg(o ORDER BY o) FROM unnest(a.attoptions) o
                           WHERE o NOT LIKE 'pg\_attver=%'),
               'storage', a.attstorage, 'compression', to_jsonb(a) -> 'attcompression',
               'identity', a.attidentity, 'generated', a.attgenerated,
               'default', a.atthasdef, 'local', a.attislocal,
               'inherited', a.attinhcount, 'fdw', a.attfdwoptions,
               'of index', c.relkind IN ('i', 'I'))
    FROM relations c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind <> 'S'
    UNION ALL
    SELECT 'pg_class'::regclass, c.oid, -1000, NULL, NULL, c.relowner,
           jsonb_build_object('unique', i.indisunique, 'primary', i.indisprimary,
               'clustered', i.indisclustered, 'valid', i.indisvalid,
               'identity', i.indisreplident, 'keys', i.indnkeyatts,
               'immediate', i.indimmediate, 'columns', i.indnatts,
               'option', i.indoption::text, 'of', i.indrelid::regclass::text,
               'nulls', to_jsonb(i) -> 'indnullsnotdistinct')
    FROM relations c JOIN pg_index i ON i.indexrelid = c.oid
    UNION ALL
    SELECT 'pg_constraint'::regclass, k.oid, 0, NULL, NULL, NULL,
           jsonb_build_object('type', k.contype, 'deferrable', k.condeferrable,
               'deferred', k.condeferred, 'validated', k.convalidated,
               'enforced', to_jsonb(k) -> 'conenforced',
               -- no dump tells whether a partition has NOT NULL itself as well
               'local', CASE WHEN k.contype <> 'n' OR NOT (SELECT c.relispartition FROM pg_class c
                   WHERE c.oid = k.conrelid) THEN k.conislocal END,
               'inherited', k.coninhcount, 'noinherit', k.connoinherit,
               'update', k.confupdtype, 'delete', k.confdeltype,
               'match', k.confmatchtype,
               -- by name: a column that was dropped and added has another number
               'key', (SELECT array_agg(a.attname ORDER BY CASE WHEN k.contype <> 'c' THEN n.place END, a.attname)
                       FROM unnest(k.conkey) WITH ORDINALITY AS n (number, place)
                       JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = n.number),
               'fkey', (SELECT array_agg(a.attname ORDER BY n.place)
                        FROM unnest(k.confkey) WITH ORDINALITY AS n (number, place)
                        JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = n.number),
               'deleted', jsonb_array_length(nullif(to_jsonb(k) -> 'confdelsetcols', 'null')),
               'period', to_jsonb(k) -> 'conperiod',
               'index', k.conindid::regclass::text)
    FROM pg_constraint k WHERE k.connamespace IN (SELECT oid FROM spaces)
      AND k.conrelid NOT IN (SELECT oid FROM pg_class WHERE relname = 'alembic_version')
    UNION ALL
    SELECT 'pg_trigger'::regclass, t.oid, 0, NULL, NULL, NULL,
           jsonb_build_object('enabled', t.tgenabled, 'type', t.tgtype,
               'deferrable', t.tgdeferrable, 'deferred', t.tginitdeferred,
               'arguments', t.tgargs::text, 'old', t.tgoldtable, 'new', t.tgnewtable,
               'columns', (SELECT array_agg(x.attname ORDER BY x.attname) FROM pg_attribute x
                WHERE x.attrelid = t.tgrelid AND x.attnum = ANY (t.tgattr::int2[])))
    FROM pg_trigger t WHERE t.tgrelid IN (SELECT oid FROM relations)
      AND NOT t.tgisinternal
    UNION ALL
    SELECT 'pg_rewrite'::regclass, r.oid, 0, NULL, NULL, NULL,
           jsonb_build_object('enabled', r.ev_enabled, 'type', r.ev_type,
               'instead', r.is_instead)
    FROM pg_rewrite r WHERE r.ev_class IN (SELECT oid FROM relations)
    UNION ALL
    SELECT 'pg_policy'::regclass, p.oid, 0, NULL, NULL, NULL,
           jsonb_build_object('command', p.polcmd, 'permissive', p.polpermissive,
               'roles', p.polroles)
    FROM pg_policy p WHERE p.polrelid IN (SELECT oid FROM relations)
    UNION ALL
    SELECT 'pg_statistic_ext'::regclass, s.oid, 0, NULL, NULL, s.stxowner,
           jsonb_build_object('target', coalesce((to_jsonb(s) ->> 'stxstattarget')::int, -1),
               'kinds', s.stxkind, 'keys', (SELECT array_agg(x.attname ORDER BY x.attname) FROM pg_attribute x
                WHERE x.attrelid = s.stxrelid AND x.attnum = ANY (s.stxkeys::int2[])))
    FROM pg_statistic_ext s WHERE s.stxrelid IN (SELECT oid FROM relations)
    UNION ALL
    SELECT 'pg_proc'::regclass, p.oid, 0, p.proacl, 'f', p.proowner,
           jsonb_build_object('definer', p.prosecdef, 'volatile', p.provolatile,
               'parallel', p.proparallel, 'strict', p.proisstrict, 'cost', p.procost,
               'rows', p.prorows, 'config', p.proconfig, 'leakproof', p.proleakproof,
               'language', p.prolang)
    FROM functions p
    UNION ALL
    SELECT 'pg_type'::regclass, t.oid, 0, t.typacl, 'T', t.typowner,
           jsonb_build_object('not null', t.typnotnull, 'default', t.typdefault IS NULL)
    FROM pg_type t WHERE t.typnamespace IN (SELECT oid FROM spaces)
      AND t.typname NOT LIKE '\_%' AND t.typname <> 'alembic_version'
    UNION ALL
    SELECT 'pg_publication'::regclass, p.oid, 0, NULL, NULL, p.pubowner,
           jsonb_build_object('all', p.puballtables, 'insert', p.pubinsert,
               'update', p.pubupdate, 'delete', p.pubdelete, 'root', p.pubviaroot,
               'tables', (SELECT array_agg(r.prrelid::regclass::text
                                           ORDER BY r.prrelid::regclass::text)
                          FROM pg_publication_rel r WHERE r.prpubid = p.oid))
    FROM pg_publication p
)
SELECT f.classid::regclass::text,
       CASE WHEN f.objsubid = -1000
            THEN concat(pg_describe_object(f.classid, f.objid, 0), ' (as index)')
            -- columns of indexes are named by their expressions
            WHEN f.objsubid > 0 AND f.properties ->> 'of index' = 'true'
            THEN concat(pg_describe_object(f.classid, f.objid, 0), ' column ', f.objsubid)
            ELSE pg_describe_object(f.classid, f.objid, f.objsubid) END,
       concat(f.properties, ' owner ', pg_get_userbyid(f.owner), ' comment ',
           CASE WHEN f.classid IN ('pg_class'::regclass) AND f.objsubid > 0
                THEN col_description(f.objid, f.objsubid)
                WHEN f.objsubid = 0 THEN obj_description(f.objid, f.classid::regclass::name) END,
           ' label ', (SELECT string_agg(concat(l.provider, l.label), ',')
                       FROM pg_seclabel l WHERE l.classoid = f.classid
                       AND l.objoid = f.objid AND l.objsubid = f.objsubid),
           ' extensions ', (SELECT string_agg(concat(d.deptype, x.extname), ','
                                               ORDER BY d.deptype, x.extname)
                            FROM pg_depend d JOIN pg_extension x ON x.oid = d.refobjid
                            WHERE d.refclassid = 'pg_extension'::regclass
                            AND d.classid = f.classid AND d.objid = f.objid
                            AND f.objsubid = 0),
           ' grants ', (SELECT string_agg(concat(pg_get_userbyid(e.grantor), '>',
                            e.grantee::regrole, ' ', e.privilege_type,
                            CASE WHEN e.is_grantable THEN '*' END), ','
                            ORDER BY e.grantor, e.grantee, e.privilege_type)
                        FROM aclexplode(coalesce(f.acl, CASE WHEN f.acltype <> 'c' THEN
                            acldefault(f.acltype::"char", f.owner) END)) AS e))
FROM found f
ORDER BY 1, 2, 3
