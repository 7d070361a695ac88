-- picture: everything about relations, and about what depends on them, as one document without object identifiers

-- the roots, the trees below them, and what depends on either, directly or not: (pg_class, relation, column), or whole objects by part 0
-- read from the roots outward by index; of another table only the column, constraint, rule or policy that depends is walked
CREATE OR REPLACE FUNCTION tzmigrate.dependents(roots regclass[]) RETURNS TABLE (class oid, object oid, part integer)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off SET jit = off AS $tz$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH RECURSIVE walk (class, object, part) AS (
        SELECT 'pg_class'::regclass::oid, r::oid, 0 FROM unnest(roots) AS r
        UNION
        SELECT n.class, n.object, n.part FROM walk w CROSS JOIN LATERAL (
            SELECT d.classid, d.objid, d.objsubid FROM pg_depend d
            WHERE d.refclassid = w.class AND d.refobjid = w.object AND (w.part = 0 OR d.refobjsubid = w.part)
            UNION ALL
            SELECT w.class, i.inhrelid, 0 FROM pg_inherits i WHERE i.inhparent = w.object AND w.class = 'pg_class'::regclass AND w.part = 0
            UNION ALL
            -- the rule of a view is the view
            SELECT 'pg_class'::regclass, r.ev_class, 0 FROM pg_rewrite r
            WHERE r.oid = w.object AND w.class = 'pg_rewrite'::regclass AND r.rulename = '_RETURN'
            UNION ALL
            SELECT 'pg_class'::regclass, e.adrelid, e.adnum::integer FROM pg_attrdef e WHERE e.oid = w.object AND w.class = 'pg_attrdef'::regclass
        ) AS n (class, object, part)
    )
    SELECT w.class, w.object, w.part FROM walk w;
END
$tz$;

-- OFFSET 0 and IS TRUE keep the planner from looking through all dependencies of one kind
-- "<kind> <qualified name>" with its properties; one that is NULL is left out, and grants that say no more than the default are the default
CREATE OR REPLACE FUNCTION tzmigrate.picture(roots regclass[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
SET TimeZone = 'Etc/UTC' SET DateStyle = 'ISO, MDY' SET IntervalStyle = 'postgres' SET quote_all_identifiers = off SET bytea_output = 'hex' SET extra_float_digits = 1
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off SET jit = off AS $tz$
#variable_conflict use_column
DECLARE
    w record;
    relations oid[];
    types oid[];
    publications jsonb;
    seen jsonb;
BEGIN
    SELECT array_agg(d.object) FILTER (WHERE c.relkind NOT IN ('i', 'I', 't') AND d.part = 0) AS relations,
        array_agg(d.object) FILTER (WHERE c.relkind IN ('i', 'I')) AS indexes,
        array_agg(concat(d.object, ' ', d.part)) FILTER (WHERE c.oid IS NOT NULL AND d.part > 0) AS columns,
        array_agg(d.object) FILTER (WHERE c.oid IS NOT NULL AND d.part > 0) AS holders,
        array_agg(d.object) FILTER (WHERE d.class = 'pg_type'::regclass) AS types,
        array_agg(d.object) FILTER (WHERE d.class = 'pg_proc'::regclass) AS functions,
        array_agg(d.object) FILTER (WHERE d.class = 'pg_constraint'::regclass) AS constraints,
        array_agg(d.object) FILTER (WHERE d.class = 'pg_trigger'::regclass) AS triggers,
        array_agg(d.object) FILTER (WHERE d.class = 'pg_rewrite'::regclass) AS rules,
        array_agg(d.object) FILTER (WHERE d.class = 'pg_policy'::regclass) AS policies,
        array_agg(d.object) FILTER (WHERE d.class = 'pg_statistic_ext'::regclass) AS statistics,
        array_agg(d.object) FILTER (WHERE d.class = 'pg_publication_rel'::regclass) AS publications,
        array_agg(concat(d.class, ' ', d.object)) FILTER (WHERE d.class NOT IN ('pg_class'::regclass, 'pg_type'::regclass, 'pg_proc'::regclass, 'pg_constraint'::regclass,
            'pg_trigger'::regclass, 'pg_rewrite'::regclass, 'pg_policy'::regclass, 'pg_statistic_ext'::regclass, 'pg_publication_rel'::regclass, 'pg_attrdef'::regclass)) AS others
    INTO w FROM tzmigrate.dependents(roots) AS d LEFT JOIN pg_class c ON d.class = 'pg_class'::regclass AND c.oid = d.object;
    -- domains and composite types that the columns are made of; what else leans on these is not looked at
    WITH RECURSIVE used (type) AS (
        SELECT u.type FROM (
            SELECT unnest(w.types) UNION ALL SELECT a.atttypid FROM pg_attribute a WHERE a.attrelid = ANY (w.relations) AND a.attnum > 0 AND a.atttypid >= 16384
            UNION ALL SELECT c.reloftype FROM pg_class c WHERE c.oid = ANY (w.relations) AND c.reloftype <> 0
        ) AS u (type)
        UNION
        SELECT x.type FROM used u JOIN pg_type t ON t.oid = u.type CROSS JOIN LATERAL (
            SELECT t.typelem UNION ALL SELECT t.typbasetype UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE r.rngtypid = t.oid
            UNION ALL SELECT a.atttypid FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 WHERE c.oid = t.typrelid AND c.relkind = 'c'
        ) AS x (type) WHERE x.type >= 16384
    )
    SELECT array_agg(t.oid) FILTER (WHERE t.typtype = 'd' OR c.relkind = 'c'), w.relations || array_agg(c.oid) FILTER (WHERE c.relkind = 'c')
    INTO types, relations
    FROM used u JOIN pg_type t ON t.oid = u.type LEFT JOIN pg_class c ON c.oid = t.typrelid AND t.typtype = 'c';

    IF w.publications IS NOT NULL THEN
        EXECUTE concat('SELECT jsonb_object_agg(concat(''table '', r.prrelid::regclass, '' in publication '', quote_ident(p.pubname)), ',
            CASE WHEN current_setting('server_version_num')::integer >= 150000 THEN
                'jsonb_strip_nulls(jsonb_build_object(''filter'', pg_get_expr(r.prqual, r.prrelid), ''columns'',
                    (SELECT jsonb_agg(a.attname ORDER BY a.attname) FROM pg_attribute a WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs::int2[]))))'
            ELSE '''{}''::jsonb' END,
            ') FROM unnest($1) AS o JOIN pg_publication_rel r ON r.oid = o JOIN pg_publication p ON p.oid = r.prpubid') INTO publications USING w.publications;
    END IF;

    WITH thing (name, class, object, part, value) AS (
        SELECT concat(CASE c.relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' WHEN 'S' THEN 'sequence ' WHEN 'f' THEN 'foreign table ' ELSE 'table ' END, c.oid::regclass),
            'pg_class'::regclass, c.oid, 0,
            jsonb_build_object('kind', c.relkind, 'owner', pg_get_userbyid(c.relowner),
                'grants', ARRAY(SELECT a::text FROM unnest(coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END, c.relowner))) AS a ORDER BY 1),
                'options', CASE WHEN c.reloptions IS NOT NULL THEN (SELECT array_agg(o ORDER BY o) FROM unnest(c.reloptions) AS o) END,
                'toast options', (SELECT array_agg(o ORDER BY o) FROM pg_class e, unnest(e.reloptions) AS o WHERE e.oid = c.reltoastrelid),
                'row security', ARRAY[c.relrowsecurity, c.relforcerowsecurity], 'persistence', c.relpersistence,
                'tablespace', (SELECT s.spcname FROM pg_tablespace s WHERE s.oid = c.reltablespace),
                'access method', (SELECT m.amname FROM pg_am m WHERE m.oid = c.relam),
                'replica identity', concat(c.relreplident, (SELECT concat(' ', i.indexrelid::regclass) FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident)),
                'of type', nullif(c.reloftype, 0)::regtype, 'bound', pg_get_expr(c.relpartbound, c.oid), 'partition key', pg_get_partkeydef(c.oid),
                'parents', (SELECT array_agg(i.inhparent::regclass::text ORDER BY i.inhseqno) FROM pg_inherits i WHERE i.inhrelid = c.oid),
                'definition', CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END, 'populated', CASE WHEN c.relkind = 'm' THEN c.relispopulated END)
            || jsonb_build_object(
                'sequence', CASE WHEN c.relkind = 'S' THEN (SELECT to_jsonb(q) - 'seqrelid' || jsonb_build_object('seqtypid', q.seqtypid::regtype) FROM pg_sequence q WHERE q.seqrelid = c.oid) END,
                'owned by', CASE WHEN c.relkind = 'S' THEN (SELECT concat(d.deptype, ' ', d.refobjid::regclass, '.', quote_ident(a.attname)) FROM pg_depend d
                    JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')) END,
                'foreign', CASE WHEN c.relkind = 'f' THEN (SELECT jsonb_build_array(s.srvname, f.ftoptions) FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver WHERE f.ftrelid = c.oid) END,
                'row type grants', (SELECT array_agg(a::text ORDER BY a::text) FROM pg_type t, unnest(t.typacl) AS a WHERE t.oid = c.reltype),
                'row type comment', (SELECT m.description FROM pg_description m WHERE m.objoid = c.reltype AND m.classoid = 'pg_type'::regclass AND m.objsubid = 0))
        FROM unnest(w.relations) AS o JOIN pg_class c ON c.oid = o AND c.relkind <> 'c'
        UNION ALL
        SELECT concat('column ', a.attrelid::regclass, '.', quote_ident(a.attname)), 'pg_class'::regclass, a.attrelid, a.attnum::integer,
            jsonb_build_object('position', p.place, 'type', format_type(a.atttypid, a.atttypmod), 'not null', a.attnotnull,
                'default', CASE WHEN a.atthasdef THEN (SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum) END,
                'identity', nullif(a.attidentity, ''), 'generated', nullif(a.attgenerated, ''), 'storage', a.attstorage, 'compression', CASE WHEN a.attstorage <> 'p' THEN nullif(z.compression::text, '') END, 'statistics', coalesce(a.attstattarget, -1),
                'options', CASE WHEN a.attoptions IS NOT NULL THEN (SELECT array_agg(o ORDER BY o) FROM unnest(a.attoptions) AS o WHERE NOT starts_with(o, 'pg_attver=')) END, 'foreign options', a.attfdwoptions,
                'collation', nullif(a.attcollation, 0)::regcollation, 'local', a.attislocal, 'parents', a.attinhcount,
                'grants', CASE WHEN a.attacl IS NOT NULL THEN (SELECT array_agg(g::text ORDER BY g::text) FROM unnest(a.attacl) AS g) END)
        FROM (SELECT b.attrelid AS relation, b.attnum AS number, row_number() OVER (PARTITION BY b.attrelid ORDER BY b.attnum) AS place
              FROM pg_class e JOIN pg_attribute b ON b.attrelid = e.oid AND b.attnum > 0 AND NOT b.attisdropped
              WHERE e.oid = ANY (relations || w.holders) AND e.relkind <> 'S') AS p
        JOIN pg_attribute a ON a.attrelid = p.relation AND a.attnum = p.number
        -- what 13 lacks is taken from the name beside it; the row as json would call casts of the users for its missing value
        CROSS JOIN (SELECT ''::"char" AS attcompression) AS older CROSS JOIN LATERAL (SELECT attcompression AS compression FROM (SELECT a.*) AS x) AS z
        WHERE p.relation = ANY (relations) OR concat(p.relation, ' ', p.number) = ANY (w.columns)
        UNION ALL
        SELECT concat('index ', i.indexrelid::regclass), 'pg_class'::regclass, c.oid, 0,
            jsonb_build_object('definition', pg_get_indexdef(i.indexrelid), 'valid', i.indisvalid, 'clustered', i.indisclustered, 'replica identity', i.indisreplident,
                'options', CASE WHEN c.reloptions IS NOT NULL THEN (SELECT array_agg(o ORDER BY o) FROM unnest(c.reloptions) AS o) END, 'tablespace', (SELECT s.spcname FROM pg_tablespace s WHERE s.oid = c.reltablespace),
                'statistics', (SELECT array_agg(coalesce(a.attstattarget, -1) ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid),
                'parent', (SELECT n.inhparent::regclass FROM pg_inherits n WHERE n.inhrelid = c.oid),
                'constraint', (SELECT concat(quote_ident(k.conname), ' of ', k.conrelid::regclass) FROM pg_depend d, LATERAL (SELECT x.conname, x.conrelid FROM pg_constraint x WHERE x.oid = d.refobjid OFFSET 0) AS k
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND (d.refclassid = 'pg_constraint'::regclass) IS TRUE AND d.deptype = 'i'))
        FROM unnest(w.indexes) AS o JOIN pg_index i ON i.indexrelid = o JOIN pg_class c ON c.oid = o JOIN pg_class e ON e.oid = i.indrelid AND e.relkind <> 't'
        UNION ALL
        SELECT concat('constraint ', quote_ident(k.conname), ' of ', coalesce(nullif(k.conrelid, 0)::regclass::text, concat('domain ', k.contypid::regtype))), 'pg_constraint'::regclass, k.oid, 0,
            jsonb_build_object('definition', pg_get_constraintdef(k.oid), 'validated', k.convalidated,
                -- a partition has no NOT NULL of its own in a dump, either way
                'local', CASE WHEN k.contype <> 'n' OR NOT coalesce((SELECT c.relispartition FROM pg_class c WHERE c.oid = k.conrelid), false) THEN k.conislocal END, 'parents', k.coninhcount,
                'parent', (SELECT concat(quote_ident(y.conname), ' of ', y.conrelid::regclass) FROM pg_constraint y WHERE y.oid = k.conparentid),
                'triggers', (SELECT array_agg(concat(g.tgrelid::regclass, ' ', f.proname, ' ', g.tgenabled) ORDER BY g.tgrelid::regclass::text, f.proname, g.tgenabled)
                    FROM unnest(w.triggers) AS x JOIN pg_trigger g ON g.oid = x JOIN pg_proc f ON f.oid = g.tgfoid WHERE g.tgconstraint = k.oid AND k.contype <> 't'))
        FROM (SELECT unnest(w.constraints) UNION SELECT x.oid FROM pg_constraint x WHERE x.contypid = ANY (types)) AS n (o)
        JOIN pg_constraint k ON k.oid = n.o
        UNION ALL
        SELECT concat('trigger ', quote_ident(g.tgname), ' of ', g.tgrelid::regclass), 'pg_trigger'::regclass, g.oid, 0,
            jsonb_build_object('definition', pg_get_triggerdef(g.oid), 'enabled', g.tgenabled, 'cloned', to_jsonb(g) ->> 'tgparentid' <> '0')
        FROM unnest(w.triggers) AS o JOIN pg_trigger g ON g.oid = o
        -- those of a foreign or unique key are with their constraint
        WHERE NOT EXISTS (SELECT FROM pg_constraint k WHERE k.oid = g.tgconstraint AND k.contype <> 't')
        UNION ALL
        SELECT concat('rule ', quote_ident(r.rulename), ' of ', r.ev_class::regclass), 'pg_rewrite'::regclass, r.oid, 0,
            jsonb_build_object('definition', CASE WHEN r.rulename <> '_RETURN' THEN pg_get_ruledef(r.oid) END, 'enabled', r.ev_enabled)
        FROM unnest(w.rules) AS o JOIN pg_rewrite r ON r.oid = o
        UNION ALL
        SELECT concat('policy ', quote_ident(y.polname), ' of ', y.polrelid::regclass), 'pg_policy'::regclass, y.oid, 0,
            jsonb_build_object('command', y.polcmd, 'permissive', y.polpermissive, 'using', pg_get_expr(y.polqual, y.polrelid), 'check', pg_get_expr(y.polwithcheck, y.polrelid),
                'roles', ARRAY(SELECT CASE x WHEN 0 THEN 'public' ELSE quote_ident(pg_get_userbyid(x)) END FROM unnest(y.polroles) AS x ORDER BY 1))
        FROM unnest(w.policies) AS o JOIN pg_policy y ON y.oid = o
        UNION ALL
        SELECT concat('statistics ', quote_ident(n.nspname), '.', quote_ident(e.stxname)), 'pg_statistic_ext'::regclass, e.oid, 0,
            jsonb_build_object('definition', pg_get_statisticsobjdef(e.oid), 'owner', pg_get_userbyid(e.stxowner), 'target', coalesce(e.stxstattarget, -1))
        FROM unnest(w.statistics) AS o JOIN pg_statistic_ext e ON e.oid = o JOIN pg_namespace n ON n.oid = e.stxnamespace
        UNION ALL
        SELECT concat(CASE f.prokind WHEN 'p' THEN 'procedure ' WHEN 'a' THEN 'aggregate ' ELSE 'function ' END, f.oid::regprocedure), 'pg_proc'::regclass, f.oid, 0,
            jsonb_build_object('definition', CASE WHEN f.prokind <> 'a' THEN pg_get_functiondef(f.oid) END, 'owner', pg_get_userbyid(f.proowner),
                'grants', ARRAY(SELECT a::text FROM unnest(coalesce(f.proacl, acldefault('f', f.proowner))) AS a ORDER BY 1))
        FROM unnest(w.functions) AS o JOIN pg_proc f ON f.oid = o
        UNION ALL
        SELECT concat(CASE t.typtype WHEN 'd' THEN 'domain ' ELSE 'type ' END, format_type(t.oid, NULL)), 'pg_type'::regclass, t.oid, 0,
            jsonb_build_object('owner', pg_get_userbyid(t.typowner), 'grants', ARRAY(SELECT a::text FROM unnest(coalesce(t.typacl, acldefault('T', t.typowner))) AS a ORDER BY 1),
                'base type', CASE t.typtype WHEN 'd' THEN format_type(t.typbasetype, t.typtypmod) END, 'not null', t.typnotnull,
                'default', coalesce(pg_get_expr(t.typdefaultbin, 'pg_type'::regclass), t.typdefault), 'collation', nullif(t.typcollation, 0)::regcollation)
        FROM unnest(types) AS o JOIN pg_type t ON t.oid = o
        UNION ALL
        -- of these no more is known than that they must not vanish
        SELECT concat(i.type, ' ', i.identity), split_part(o, ' ', 1)::oid, split_part(o, ' ', 2)::oid, 0, '{}'
        FROM unnest(w.others) AS o CROSS JOIN LATERAL pg_identify_object(split_part(o, ' ', 1)::oid, split_part(o, ' ', 2)::oid, 0) AS i
    )
    SELECT jsonb_object_agg(t.name, jsonb_strip_nulls(t.value || jsonb_build_object(
        'comment', (SELECT m.description FROM pg_description m WHERE m.objoid = t.object AND m.classoid = t.class AND m.objsubid = t.part),
        'labels', (SELECT array_agg(concat(l.provider, '=', l.label) ORDER BY l.provider) FROM pg_seclabel l WHERE l.objoid = t.object AND l.classoid = t.class AND l.objsubid = t.part),
        'extensions', (SELECT array_agg(concat(CASE d.deptype WHEN 'e' THEN 'member of ' ELSE 'depends on ' END, quote_ident(e.extname)) ORDER BY d.deptype, e.extname)
            FROM pg_depend d, LATERAL (SELECT x.extname FROM pg_extension x WHERE x.oid = d.refobjid OFFSET 0) AS e
            WHERE t.part = 0 AND d.classid = t.class AND d.objid = t.object AND d.objsubid = 0 AND (d.refclassid = 'pg_extension'::regclass) IS TRUE AND d.deptype IN ('e', 'x')),
        -- functions and operators of the users by identity: of a text that is parsed anew another one of the name may be called
        'calls', nullif(ARRAY(SELECT DISTINCT CASE d.refclassid WHEN 'pg_proc'::regclass THEN d.refobjid::regprocedure::text ELSE d.refobjid::regoperator::text END
            FROM (SELECT t.class, t.object, t.part UNION ALL SELECT 'pg_attrdef'::regclass, e.oid, 0 FROM pg_attrdef e WHERE t.part > 0 AND e.adrelid = t.object AND e.adnum = t.part) AS u (class, object, part),
                LATERAL (SELECT x.refclassid, x.refobjid FROM pg_depend x WHERE x.classid = u.class AND x.objid = u.object AND x.objsubid = u.part OFFSET 0) AS d
            WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass) AND d.refobjid >= 16384 ORDER BY 1), '{}'))))
    INTO seen FROM thing t;
    RETURN coalesce(seen, '{}') || coalesce(publications, '{}');
END
$tz$;

-- the same around one table whose announced columns, wherever in its tree, may change their types and defaults, but not whether there is a default
CREATE OR REPLACE FUNCTION tzmigrate.picture(root regclass, announced name[]) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off AS $tz$
    WITH RECURSIVE tree (relation) AS (
        SELECT root::oid UNION SELECT i.inhrelid FROM pg_inherits i JOIN tree ON tree.relation = i.inhparent
    ), announced_column (key) AS (
        SELECT concat('column ', tree.relation::regclass, '.', quote_ident(a)) FROM tree, unnest(announced) AS a
    )
    SELECT jsonb_object_agg(p.key, CASE WHEN p.key IN (SELECT c.key FROM announced_column c)
        THEN p.value - 'type' || jsonb_build_object('default', p.value -> 'default' IS NOT NULL) ELSE p.value END)
    FROM jsonb_each(tzmigrate.picture(ARRAY[root])) AS p
$tz$;

-- what differs between two pictures; a thing that appeared or vanished has property '', and its properties as one text
CREATE OR REPLACE FUNCTION tzmigrate.picture_differences(before jsonb, after jsonb) RETURNS TABLE (thing text, property text, was text, now text)
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT coalesce(b.key, a.key), coalesce(p.key, ''), CASE WHEN p.key IS NULL THEN b.value::text ELSE p.was END, CASE WHEN p.key IS NULL THEN a.value::text ELSE p.now END
        FROM jsonb_each(before) AS b FULL JOIN jsonb_each(after) AS a ON a.key = b.key
        LEFT JOIN LATERAL (
            SELECT coalesce(x.key, y.key) AS key, x.value AS was, y.value AS now
            FROM jsonb_each_text(b.value) AS x FULL JOIN jsonb_each_text(a.value) AS y ON y.key = x.key
            WHERE x.value IS DISTINCT FROM y.value
        ) AS p ON a.key IS NOT NULL AND b.key IS NOT NULL
        WHERE a.value IS DISTINCT FROM b.value
        ORDER BY 1, 2;
END
$tz$;
