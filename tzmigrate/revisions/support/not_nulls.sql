-- not_nulls: named NOT NULL of partitions and children. PostgreSQL 18 makes what a child inherits anew under its parent's name at
-- ALTER TYPE, or fails where the child declares it too; so the parents lose theirs before it, and get them back, which reads the own rows
-- of each table that gets it back, and none of a partitioned table.

-- that of announced columns, where a table further down has it under another name, or with a comment: who loses it, and all below them
CREATE OR REPLACE FUNCTION tzmigrate.not_nulls_before(roots regclass[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off SET jit = off AS $tz$
#variable_conflict use_column
BEGIN
    -- which columns are announced the open step knows; without one these are none
    IF current_setting('server_version_num')::integer < 180000 OR coalesce(current_setting('tzmigrate.marker', true), '') <> 'open' THEN
        RETURN NULL;
    END IF;
    RETURN (
        WITH RECURSIVE tree (root, relation, level) AS (
            SELECT r::oid, r::oid, 0 FROM unnest(roots) AS r WHERE EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = r)
            UNION SELECT tree.root, i.inhrelid, tree.level + 1 FROM pg_inherits i JOIN tree ON tree.relation = i.inhparent
        ), found AS (
            SELECT max(w.level) AS level, k.oid, k.conrelid, k.conname, k.conislocal, k.coninhcount, k.connoinherit, k.convalidated, c.relispartition, a.attnum, a.attname
            FROM (SELECT t.root, t.relation, max(t.level) AS level FROM tree t GROUP BY 1, 2) AS w
            JOIN pg_class c ON c.oid = w.relation
            JOIN pg_constraint k ON k.conrelid = w.relation AND k.contype = 'n'
            JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
            WHERE EXISTS (SELECT FROM tzmigrate.open_parts() AS o JOIN tzmigrate.step_column x ON x.step_id = o.id
                WHERE tzmigrate.part_relation(o) = w.root AND x.column_name = a.attname)
            GROUP BY k.oid, c.oid, a.attrelid, a.attnum
        ), below (above, name, attname, child) AS (
            SELECT f.oid, f.conname, f.attname, i.inhrelid FROM found f JOIN pg_inherits i ON i.inhparent = f.conrelid WHERE NOT f.connoinherit
            UNION SELECT b.above, b.name, b.attname, i.inhrelid FROM pg_inherits i JOIN below b ON b.child = i.inhparent
        ), pair AS (
            SELECT b.above, k.oid AS below, b.child, k.conname <> b.name OR obj_description(k.oid, 'pg_constraint') IS NOT NULL AS unlike
            FROM below b JOIN pg_attribute a ON a.attrelid = b.child AND a.attname = b.attname JOIN pg_constraint k ON k.conrelid = b.child AND k.contype = 'n' AND k.conkey[1] = a.attnum
        ), loose AS (
            SELECT DISTINCT p.above AS oid FROM pair p WHERE p.unlike
        ), taken AS (
            SELECT f.*, f.oid IN (SELECT l.oid FROM loose l) AS loose, f.conislocal OR f.relispartition AS own,
                -- has its child's name from it, where another parent could give one
                EXISTS (SELECT FROM pg_inherits i JOIN pg_constraint k ON k.conrelid = i.inhrelid AND k.contype = 'n' AND k.conname = f.conname
                    WHERE i.inhparent = f.conrelid AND NOT k.conislocal AND k.coninhcount > 1) AS lends,
                EXISTS (SELECT FROM pg_inherits i JOIN pg_attribute a ON a.attrelid = i.inhparent AND a.attname = f.attname JOIN pg_constraint k ON k.conrelid = i.inhparent AND k.contype = 'n' AND k.conkey[1] = a.attnum
                    WHERE i.inhrelid = f.conrelid AND k.conislocal AND k.oid NOT IN (SELECT l.oid FROM loose l)) AS kept
            -- IS TRUE has them looked up in a hash: there may be thousands
            FROM found f WHERE (f.oid IN (SELECT l.oid FROM loose l UNION ALL SELECT p.below FROM pair p JOIN loose l ON l.oid = p.above)) IS TRUE
        ), keyed AS (
            SELECT t.*, CASE WHEN t.loose OR NOT t.own AND NOT t.kept THEN (
                SELECT min(i.indexrelid::regclass::text) FROM pg_index i WHERE i.indrelid = t.conrelid AND (i.indisprimary OR i.indisreplident) AND t.attnum = ANY (i.indkey)) END AS key
            FROM taken t
        )
        -- what a child has from its parents alone goes and comes with theirs; that of a partition may have a name of its own
        SELECT jsonb_agg(jsonb_build_object('relation', t.conrelid::regclass, 'column', t.attname, 'name', t.conname, 'comment', obj_description(t.oid, 'pg_constraint'), 'validated', t.convalidated,
                'loose', t.loose AND t.own, 'inherited', t.relispartition AND NOT t.conislocal, 'key', t.key,
                'unlike', CASE WHEN t.key IS NOT NULL THEN (SELECT min(p.child::regclass::text) FROM pair p WHERE p.unlike AND p.child <> t.conrelid AND p.above IN (SELECT t.oid UNION ALL SELECT q.above FROM pair q WHERE q.below = t.oid)) END)
            -- they come back in the reverse order
            ORDER BY t.level, t.lends, t.conrelid, t.attnum)
        FROM keyed t);
END
$tz$;

-- each keeps its own, and its name
CREATE OR REPLACE FUNCTION tzmigrate.loosen_not_nulls(saved jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    n jsonb;
BEGIN
    FOR n IN SELECT * FROM jsonb_array_elements(coalesce(nullif(saved, 'null'), '[]')) LOOP
        IF n ->> 'key' IS NOT NULL THEN
            PERFORM tzmigrate.refuse('TZ337', concat('constraint ', quote_ident(n ->> 'name'), ' of ', n ->> 'relation', ' cannot be taken away for the conversion: index ', n ->> 'key', ' needs it'),
                concat('PostgreSQL 18 makes a NOT NULL anew under its parent''s name for it and without its comment, or fails at it; that of column ', quote_ident(n ->> 'column'), ' of ', n ->> 'unlike', ' has another name, or a comment.'),
                concat('Name it ', quote_ident(n ->> 'name'), ', without a comment; to be renamed, ', n ->> 'unlike', ' has to leave its parent for a while. Then run tzmigrate plan again.'));
        END IF;
    END LOOP;
    FOR n IN SELECT * FROM jsonb_array_elements(coalesce(nullif(saved, 'null'), '[]')) LOOP
        IF (n -> 'inherited')::boolean THEN
            EXECUTE concat('ALTER TABLE ', n ->> 'relation', ' ALTER COLUMN ', quote_ident(n ->> 'column'), ' SET NOT NULL');
        END IF;
    END LOOP;
    FOR n IN SELECT * FROM jsonb_array_elements(coalesce(nullif(saved, 'null'), '[]')) LOOP
        IF (n -> 'loose')::boolean THEN
            EXECUTE concat('ALTER TABLE ', n ->> 'relation', ' ALTER COLUMN ', quote_ident(n ->> 'column'), ' DROP NOT NULL');
        END IF;
    END LOOP;
END
$tz$;

-- from the bottom up, as a parent's joins that of its children
CREATE OR REPLACE FUNCTION tzmigrate.repair_not_nulls(saved jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    n jsonb;
BEGIN
    FOR n IN SELECT j.value FROM jsonb_array_elements(coalesce(nullif(saved, 'null'), '[]')) WITH ORDINALITY AS j (value, o) ORDER BY j.o DESC LOOP
        IF (n -> 'loose')::boolean THEN
            EXECUTE concat('ALTER TABLE ', n ->> 'relation', ' ADD CONSTRAINT ', quote_ident(n ->> 'name'), ' NOT NULL ', quote_ident(n ->> 'column'),
                CASE WHEN NOT (n -> 'validated')::boolean THEN ' NOT VALID' END);
        END IF;
    END LOOP;
    FOR n IN SELECT * FROM jsonb_array_elements(coalesce(nullif(saved, 'null'), '[]')) LOOP
        IF n ->> 'comment' IS NOT NULL THEN
            EXECUTE concat('COMMENT ON CONSTRAINT ', quote_ident(n ->> 'name'), ' ON ', n ->> 'relation', ' IS ', quote_literal(n ->> 'comment'));
        END IF;
    END LOOP;
END
$tz$;
