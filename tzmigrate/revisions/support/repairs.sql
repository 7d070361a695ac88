-- repairs: what ALTER TYPE forgets of storage, indexes, keys and statistics, read before it and given back after it (postgres-facts.md section 3)

-- what of indexes ALTER TYPE, or the making of their partitioned index, may forget; all at once, for each by itself would take six times as long
CREATE OR REPLACE FUNCTION tzmigrate.index_states(indexes oid[]) RETURNS TABLE (place bigint, index oid, state jsonb)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT w.place, c.oid, jsonb_build_object('options', to_jsonb(c.reloptions), 'tablespace', coalesce((SELECT s.spcname FROM pg_tablespace s WHERE s.oid = c.reltablespace), ''),
            'comment', obj_description(c.oid, 'pg_class'), 'clustered', i.indisclustered, 'replica identity', i.indisreplident,
            'statistics', (SELECT jsonb_object_agg(a.attnum, coalesce(a.attstattarget, -1)) FROM pg_attribute a WHERE a.attrelid = c.oid),
            'extensions', (SELECT jsonb_agg(e.extname ORDER BY e.extname) FROM pg_depend d, LATERAL (SELECT x.extname FROM pg_extension x WHERE x.oid = d.refobjid OFFSET 0) AS e
                WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'x'),
            'constraint comment', (SELECT obj_description(k.oid, 'pg_constraint') FROM pg_constraint k WHERE k.conindid = c.oid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x')))
        FROM unnest(indexes) WITH ORDINALITY AS w (index, place) JOIN pg_index i ON i.indexrelid = w.index JOIN pg_class c ON c.oid = i.indexrelid;
END
$tz$;

-- what ALTER TYPE may forget of the roots and the trees below them, read before it
CREATE OR REPLACE FUNCTION tzmigrate.index_repairs_before(roots regclass[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off SET jit = off AS $tz$
#variable_conflict use_column
BEGIN
    RETURN (
    WITH RECURSIVE tree (relation) AS (
        SELECT r::oid FROM unnest(roots) AS r UNION SELECT i.inhrelid FROM pg_inherits i JOIN tree ON tree.relation = i.inhparent
    ), index (level, oid, parent) AS (
        SELECT 0, i.indexrelid, NULL::oid FROM tree JOIN pg_index i ON i.indrelid = tree.relation WHERE NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = i.indexrelid)
        UNION ALL SELECT index.level + 1, i.indexrelid, index.oid FROM index JOIN pg_inherits h ON h.inhparent = index.oid JOIN pg_index i ON i.indexrelid = h.inhrelid
    ), key (level, oid, parent) AS (
        -- theirs and those that refer to them, which no index of pg_constraint finds; OFFSET 0, here and below: the planner would read them all
        SELECT DISTINCT 0, o.objid, NULL::oid FROM tree, LATERAL (
            SELECT d.objid FROM pg_depend d WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = tree.relation AND d.classid = 'pg_constraint'::regclass OFFSET 0) AS o
        WHERE (SELECT k.conparentid = 0 AND k.contype IN ('f', 'p', 'u', 'x') FROM pg_constraint k WHERE k.oid = o.objid)
        UNION ALL SELECT key.level + 1, b.oid, key.oid FROM key, LATERAL (SELECT k.oid FROM pg_constraint k WHERE k.conparentid = key.oid OFFSET 0) AS b
    )
    SELECT jsonb_build_object(
        'not nulls', tzmigrate.not_nulls_before(roots),
        -- of arrays, ranges and row types, which may be stored out of line; compression came with version 14
        'columns', (SELECT jsonb_agg(jsonb_build_object('relation', a.attrelid::regclass, 'name', a.attname, 'storage', a.attstorage, 'compression', z.compression::text))
            FROM tree JOIN pg_attribute a ON a.attrelid = tree.relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attlen = -1 JOIN pg_type t ON t.oid = a.atttypid
            CROSS JOIN (SELECT ''::"char" AS attcompression) AS older CROSS JOIN LATERAL (SELECT attcompression AS compression FROM (SELECT a.*) AS y) AS z
            WHERE a.attstorage <> t.typstorage OR z.compression <> ''),
        'indexes', (SELECT jsonb_agg(jsonb_build_object('relation', i.indrelid::regclass, 'parent', x.parents[s.place]::regclass, 'schema', n.nspname, 'name', c.relname, 'state', s.state) ORDER BY s.place)
            FROM (SELECT array_agg(index.oid ORDER BY index.level, index.oid) AS indexes, array_agg(index.parent ORDER BY index.level, index.oid) AS parents FROM index) AS x CROSS JOIN LATERAL tzmigrate.index_states(x.indexes) AS s
            JOIN pg_index i ON i.indexrelid = s.index JOIN pg_class c ON c.oid = s.index JOIN pg_namespace n ON n.oid = c.relnamespace),
        'keys', (SELECT jsonb_agg(jsonb_build_object('relation', k.conrelid::regclass, 'name', k.conname, 'parent', p.conname, 'parent relation', p.conrelid::regclass,
                'comment', obj_description(k.oid, 'pg_constraint'), 'states', CASE WHEN key.level = 0 THEN tzmigrate.key_states(k.oid) END) ORDER BY key.level)
            FROM key JOIN pg_constraint k ON k.oid = key.oid LEFT JOIN pg_constraint p ON p.oid = key.parent
            -- those for each partition that is referred to have no life of their own
            WHERE k.conrelid IS DISTINCT FROM p.conrelid AND (k.contype = 'f' OR key.level = 0)),
        'statistics', (SELECT jsonb_agg(jsonb_build_object('schema', n.nspname, 'name', e.stxname, 'owner', pg_get_userbyid(e.stxowner), 'target', coalesce(e.stxstattarget, -1), 'comment', obj_description(e.oid, 'pg_statistic_ext')))
            FROM tree JOIN pg_statistic_ext e ON e.stxrelid = tree.relation JOIN pg_namespace n ON n.oid = e.stxnamespace)));
END
$tz$;

-- give back where it differs, from the top of a tree down, as a child is known by its parent
CREATE OR REPLACE FUNCTION tzmigrate.repair_indexes(saved jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off SET jit = off AS $tz$
DECLARE
    was jsonb;
    now record;
    here regclass;
    taken regclass;
    full_name text;
    statement text;
BEGIN
    PERFORM tzmigrate.repair_not_nulls(saved -> 'not nulls');
    FOR was IN SELECT * FROM jsonb_array_elements(coalesce(nullif(saved -> 'columns', 'null'), '[]')) LOOP
        FOR statement IN
            SELECT concat('ALTER TABLE ONLY ', was ->> 'relation', ' ALTER COLUMN ', quote_ident(a.attname), ' SET ', x.what)
            FROM pg_attribute a CROSS JOIN (SELECT ''::"char" AS attcompression) AS older CROSS JOIN LATERAL (SELECT attcompression AS compression FROM (SELECT a.*) AS y) AS z CROSS JOIN LATERAL (
                SELECT concat('STORAGE ', CASE was ->> 'storage' WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END)
                WHERE a.attstorage::text <> was ->> 'storage'
                UNION ALL
                SELECT concat('COMPRESSION ', CASE was ->> 'compression' WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END)
                WHERE was ->> 'compression' <> '' AND z.compression::text <> was ->> 'compression'
            ) AS x (what) WHERE a.attrelid = to_regclass(was ->> 'relation') AND a.attname = was ->> 'name' AND NOT a.attisdropped
        LOOP
            EXECUTE statement;
        END LOOP;
    END LOOP;

    FOR was IN SELECT * FROM jsonb_array_elements(coalesce(nullif(saved -> 'indexes', 'null'), '[]')) LOOP
        full_name = concat(quote_ident(was ->> 'schema'), '.', quote_ident(was ->> 'name'));
        here = CASE WHEN was ->> 'parent' IS NULL THEN to_regclass(full_name)
                    ELSE (SELECT i.indexrelid FROM pg_index i WHERE i.indrelid = (was ->> 'relation')::regclass
                          AND EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = i.indexrelid AND h.inhparent = to_regclass(was ->> 'parent'))) END;
        SELECT c.oid, c.relname, c.oid::regclass AS label, i.indrelid::regclass AS relation, s.state INTO now
        FROM tzmigrate.index_states(ARRAY[here::oid]) AS s JOIN pg_index i ON i.indexrelid = s.index JOIN pg_class c ON c.oid = i.indexrelid;
        CONTINUE WHEN now.oid IS NULL OR now.relname = was ->> 'name' AND now.state = was -> 'state';
        IF now.relname <> was ->> 'name' THEN
            taken = to_regclass(full_name);
            IF taken IS NOT NULL THEN
                -- two children got each other's names; its own turn comes
                EXECUTE concat('ALTER INDEX ', taken, ' RENAME TO ', quote_ident(concat('tz_index_', taken::oid)));
            END IF;
            EXECUTE concat('ALTER INDEX ', now.label, ' RENAME TO ', quote_ident(was ->> 'name'));
        END IF;
        was = was -> 'state';
        FOR statement IN
            SELECT concat('ALTER INDEX ', full_name, ' RESET (', string_agg(quote_ident(split_part(o, '=', 1)), ', '), ')') FROM jsonb_array_elements_text(coalesce(nullif(now.state -> 'options', 'null'), '[]')) AS o
            WHERE now.state -> 'options' <> was -> 'options' HAVING count(*) > 0
            UNION ALL
            SELECT concat('ALTER INDEX ', full_name, ' SET (', tzmigrate.option_list(array_agg(o)), ')') FROM jsonb_array_elements_text(coalesce(nullif(was -> 'options', 'null'), '[]')) AS o
            WHERE now.state -> 'options' <> was -> 'options' HAVING count(*) > 0
            UNION ALL
            SELECT concat('ALTER INDEX ', full_name, ' SET TABLESPACE ', quote_ident(coalesce(nullif(was ->> 'tablespace', ''), (SELECT s.spcname FROM pg_database d JOIN pg_tablespace s ON s.oid = d.dattablespace WHERE d.datname = current_database()))))
            WHERE now.state -> 'tablespace' <> was -> 'tablespace'
            UNION ALL
            SELECT concat('COMMENT ON INDEX ', full_name, ' IS ', quote_nullable(was ->> 'comment')) WHERE now.state -> 'comment' <> was -> 'comment'
            UNION ALL
            SELECT concat('ALTER INDEX ', full_name, ' ALTER COLUMN ', s.key, ' SET STATISTICS ', s.value) FROM jsonb_each_text(was -> 'statistics') AS s WHERE now.state -> 'statistics' ->> s.key <> s.value
            UNION ALL
            SELECT concat('ALTER INDEX ', full_name, ' DEPENDS ON EXTENSION ', quote_ident(e)) FROM jsonb_array_elements_text(coalesce(nullif(was -> 'extensions', 'null'), '[]')) AS e
            WHERE NOT coalesce(nullif(now.state -> 'extensions', 'null') @> to_jsonb(e), false)
            UNION ALL
            SELECT concat('ALTER ', CASE k.relkind WHEN 'm' THEN 'MATERIALIZED VIEW ' ELSE 'TABLE ' END, now.relation, s.what, substr(full_name, 1 + length(quote_ident(n.nspname)) + 1))
            FROM pg_class k JOIN pg_namespace n ON n.oid = k.relnamespace, (VALUES ('clustered', ' CLUSTER ON '), ('replica identity', ' REPLICA IDENTITY USING INDEX ')) AS s (key, what)
            WHERE k.oid = now.relation AND (was -> s.key)::boolean AND NOT (now.state -> s.key)::boolean
            UNION ALL
            SELECT concat('COMMENT ON ', tzmigrate.address('pg_constraint', k.oid), ' IS ', quote_nullable(was ->> 'constraint comment')) FROM pg_constraint k
            WHERE k.conindid = now.oid AND k.conrelid = now.relation AND k.contype IN ('p', 'u', 'x') AND now.state -> 'constraint comment' <> was -> 'constraint comment'
        LOOP
            EXECUTE statement;
        END LOOP;
    END LOOP;

    FOR was IN SELECT * FROM jsonb_array_elements(coalesce(nullif(saved -> 'keys', 'null'), '[]')) LOOP
        SELECT k.oid, k.conname, obj_description(k.oid, 'pg_constraint') AS comment INTO now FROM pg_constraint k
        WHERE k.conrelid = to_regclass(was ->> 'relation') AND CASE WHEN was ->> 'parent' IS NULL THEN k.conname = was ->> 'name'
            ELSE k.conparentid = (SELECT p.oid FROM pg_constraint p WHERE p.conrelid = to_regclass(was ->> 'parent relation') AND p.conname = was ->> 'parent') END;
        CONTINUE WHEN now.oid IS NULL;
        IF now.conname <> was ->> 'name' THEN
            EXECUTE concat('ALTER TABLE ', was ->> 'relation', ' RENAME CONSTRAINT ', quote_ident(now.conname), ' TO ', quote_ident(was ->> 'name'));
        END IF;
        IF now.comment IS DISTINCT FROM was ->> 'comment' THEN
            EXECUTE concat('COMMENT ON CONSTRAINT ', quote_ident(was ->> 'name'), ' ON ', was ->> 'relation', ' IS ', quote_nullable(was ->> 'comment'));
        END IF;
    END LOOP;
    PERFORM tzmigrate.set_key_states((k ->> 'relation')::regclass, (k ->> 'name')::name, k -> 'states')
    FROM jsonb_array_elements(coalesce(nullif(saved -> 'keys', 'null'), '[]')) AS k WHERE k ->> 'states' IS NOT NULL;

    FOR was IN SELECT * FROM jsonb_array_elements(coalesce(nullif(saved -> 'statistics', 'null'), '[]')) LOOP
        full_name = concat(quote_ident(was ->> 'schema'), '.', quote_ident(was ->> 'name'));
        SELECT e.oid, pg_get_userbyid(e.stxowner) AS owner, coalesce(e.stxstattarget, -1) AS target, obj_description(e.oid, 'pg_statistic_ext') AS comment INTO now
        FROM pg_statistic_ext e JOIN pg_namespace n ON n.oid = e.stxnamespace WHERE e.stxname = was ->> 'name' AND n.nspname = was ->> 'schema';
        CONTINUE WHEN now.oid IS NULL;
        IF now.target <> (was -> 'target')::integer THEN
            EXECUTE concat('ALTER STATISTICS ', full_name, ' SET STATISTICS ', was ->> 'target');
        END IF;
        IF now.comment IS DISTINCT FROM was ->> 'comment' THEN
            EXECUTE concat('COMMENT ON STATISTICS ', full_name, ' IS ', quote_nullable(was ->> 'comment'));
        END IF;
        IF now.owner <> was ->> 'owner' THEN
            EXECUTE concat('ALTER STATISTICS ', full_name, ' OWNER TO ', quote_ident(was ->> 'owner'));
        END IF;
    END LOOP;
END
$tz$;
