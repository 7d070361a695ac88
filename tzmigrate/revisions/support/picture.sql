-- picture: everything about a table that a conversion must not change, as one document

-- what ALTER must not change, as one document; types and defaults of the announced columns are left out, but not whether there is a default
CREATE OR REPLACE FUNCTION tzmigrate.picture(root regclass, announced name[]) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
    WITH RECURSIVE tree (relation) AS (
        SELECT root::oid UNION ALL SELECT i.inhrelid FROM pg_inherits i JOIN tree ON tree.relation = i.inhparent
    ), thing (name, value) AS (
        SELECT concat('table ', c.oid::regclass), jsonb_build_object('owner', pg_get_userbyid(c.relowner), 'grants', c.relacl::text, 'options', c.reloptions,
            'row security', ARRAY[c.relrowsecurity, c.relforcerowsecurity], 'comment', obj_description(c.oid, 'pg_class'), 'kind', c.relkind, 'replica identity', c.relreplident,
            'persistence', c.relpersistence, 'tablespace', c.reltablespace, 'access method', c.relam, 'type', c.reloftype,
            'bound', pg_get_expr(c.relpartbound, c.oid))
        FROM tree JOIN pg_class c ON c.oid = tree.relation
        UNION ALL
        SELECT concat('column ', a.attrelid::regclass, '.', quote_ident(a.attname)), jsonb_build_object('not null', a.attnotnull, 'grants', a.attacl::text,
            'options', (SELECT array_agg(o) FROM unnest(a.attoptions) AS o WHERE NOT starts_with(o, 'pg_attver=')),
            'statistics', coalesce(a.attstattarget, -1), 'storage', a.attstorage, 'identity', a.attidentity, 'generated', a.attgenerated,
            'comment', col_description(a.attrelid, a.attnum), 'position', a.attnum, 'collation', a.attcollation, 'compression', to_jsonb(a) -> 'attcompression',
            'type', CASE WHEN a.attname = ANY (announced) THEN NULL ELSE format_type(a.atttypid, a.atttypmod) END,
            'default', CASE WHEN a.attname = ANY (announced) THEN a.atthasdef::text ELSE (SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum) END)
        FROM tree JOIN pg_attribute a ON a.attrelid = tree.relation AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
        SELECT concat('index ', i.indexrelid::regclass), jsonb_build_object('definition', pg_get_indexdef(i.indexrelid), 'valid', i.indisvalid, 'clustered', i.indisclustered,
            'replica identity', i.indisreplident, 'options', c.reloptions, 'tablespace', c.reltablespace, 'comment', obj_description(c.oid, 'pg_class'),
            'statistics', (SELECT array_agg(coalesce(a.attstattarget, -1) ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid),
            'extensions', (SELECT array_agg(d.refobjid ORDER BY d.refobjid) FROM pg_depend d
                WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'x'))
        FROM tree JOIN pg_index i ON i.indrelid = tree.relation JOIN pg_class c ON c.oid = i.indexrelid
        UNION ALL
        SELECT concat('constraint ', quote_ident(k.conname), ' of ', k.conrelid::regclass), jsonb_build_object('definition', pg_get_constraintdef(k.oid),
            'validated', k.convalidated, 'comment', obj_description(k.oid, 'pg_constraint'),
            'triggers', (SELECT array_agg(g.tgenabled ORDER BY g.tgrelid, g.tgfoid) FROM pg_trigger g WHERE g.tgconstraint = k.oid))
        FROM pg_constraint k WHERE k.conrelid IN (SELECT relation FROM tree) OR k.confrelid IN (SELECT relation FROM tree)
        UNION ALL
        SELECT concat('trigger ', quote_ident(g.tgname), ' of ', g.tgrelid::regclass), jsonb_build_object('definition', pg_get_triggerdef(g.oid), 'enabled', g.tgenabled,
            'comment', obj_description(g.oid, 'pg_trigger'))
        FROM tree JOIN pg_trigger g ON g.tgrelid = tree.relation AND NOT g.tgisinternal
        UNION ALL
        SELECT concat('policy ', quote_ident(y.polname), ' of ', y.polrelid::regclass), (to_jsonb(y) - 'oid') || jsonb_build_object('comment', obj_description(y.oid, 'pg_policy'))
        FROM tree JOIN pg_policy y ON y.polrelid = tree.relation
        UNION ALL
        SELECT concat('rule ', quote_ident(r.rulename), ' of ', r.ev_class::regclass), jsonb_build_object('definition', pg_get_ruledef(r.oid), 'enabled', r.ev_enabled,
            'comment', obj_description(r.oid, 'pg_rewrite'))
        FROM tree JOIN pg_rewrite r ON r.ev_class = tree.relation
        UNION ALL
        SELECT concat('table ', r.prrelid::regclass, ' in publication ', quote_ident(p.pubname)), to_jsonb(r) - 'oid'
        FROM tree JOIN pg_publication_rel r ON r.prrelid = tree.relation JOIN pg_publication p ON p.oid = r.prpubid
        UNION ALL
        SELECT concat('statistics ', quote_ident(n.nspname), '.', quote_ident(e.stxname)), jsonb_build_object('definition', pg_get_statisticsobjdef(e.oid),
            'owner', e.stxowner, 'target', to_jsonb(e) -> 'stxstattarget', 'comment', obj_description(e.oid, 'pg_statistic_ext'))
        FROM tree JOIN pg_statistic_ext e ON e.stxrelid = tree.relation JOIN pg_namespace n ON n.oid = e.stxnamespace
    )
    SELECT jsonb_object_agg(name, value) FROM thing
$tz$;
