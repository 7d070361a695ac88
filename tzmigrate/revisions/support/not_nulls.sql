-- not_nulls: named NOT NULL of partitions and children. PostgreSQL 18 makes what a child inherits anew under its parent's name at
-- ALTER TYPE, or fails where the child declares it too; so the parents lose theirs before it, and get them back, which reads the own rows of a parent, and none of a partitioned table.

-- that of announced columns, in trees where it is inherited and has several names, or comments below the top
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
            SELECT w.root, w.level, k.oid, k.conrelid, k.conname, k.conislocal, k.coninhcount, k.convalidated, c.relispartition, a.attnum, a.attname,
                NOT k.connoinherit AND EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = w.relation) AS above
            FROM (SELECT t.root, t.relation, max(t.level) AS level FROM tree t GROUP BY 1, 2) AS w
            JOIN pg_class c ON c.oid = w.relation
            JOIN pg_constraint k ON k.conrelid = w.relation AND k.contype = 'n'
            JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
            WHERE EXISTS (SELECT FROM tzmigrate.open_parts() AS o JOIN tzmigrate.step_column x ON x.step_id = o.id
                WHERE tzmigrate.part_relation(o) = w.root AND x.column_name = a.attname)
        )
        SELECT jsonb_agg(jsonb_build_object('relation', f.conrelid::regclass, 'column', f.attname, 'name', f.conname, 'above', f.above,
                'inherited', f.relispartition AND NOT f.conislocal, 'comment', obj_description(f.oid, 'pg_constraint')) ORDER BY f.level, f.conrelid, f.attnum)
        FROM found f WHERE (f.root, f.attname) IN (
            SELECT g.root, g.attname FROM found g GROUP BY 1, 2
            HAVING bool_or(g.coninhcount > 0) AND bool_and(g.convalidated)
               AND (count(DISTINCT g.conname) > 1 OR bool_or(g.level > 0 AND obj_description(g.oid, 'pg_constraint') IS NOT NULL))
               -- a key needs it at every moment
               AND NOT bool_or(g.above AND EXISTS (SELECT FROM pg_index i WHERE i.indrelid = g.conrelid AND (i.indisprimary OR i.indisreplident) AND g.attnum = ANY (i.indkey)))));
END
$tz$;

-- each keeps its own, and its name
CREATE OR REPLACE FUNCTION tzmigrate.loosen_not_nulls(saved jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    n jsonb;
BEGIN
    FOR n IN SELECT * FROM jsonb_array_elements(coalesce(nullif(saved, 'null'), '[]')) LOOP
        IF (n -> 'inherited')::boolean THEN
            EXECUTE concat('ALTER TABLE ', n ->> 'relation', ' ALTER COLUMN ', quote_ident(n ->> 'column'), ' SET NOT NULL');
        END IF;
    END LOOP;
    FOR n IN SELECT * FROM jsonb_array_elements(coalesce(nullif(saved, 'null'), '[]')) LOOP
        IF (n -> 'above')::boolean THEN
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
        IF (n -> 'above')::boolean THEN
            EXECUTE concat('ALTER TABLE ', n ->> 'relation', ' ADD CONSTRAINT ', quote_ident(n ->> 'name'), ' NOT NULL ', quote_ident(n ->> 'column'));
        END IF;
    END LOOP;
    FOR n IN SELECT * FROM jsonb_array_elements(coalesce(nullif(saved, 'null'), '[]')) LOOP
        IF n ->> 'comment' IS NOT NULL THEN
            EXECUTE concat('COMMENT ON CONSTRAINT ', quote_ident(n ->> 'name'), ' ON ', n ->> 'relation', ' IS ', quote_literal(n ->> 'comment'));
        END IF;
    END LOOP;
END
$tz$;
