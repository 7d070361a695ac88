-- trial: on the shadow alone, where the tables are empty and nobody else is there, the runs after a group's first one leave out
-- what they cannot show: rows, and a picture on either side. Instead the picture after the way down is compared with that before the first way up.
-- Quick runs, of several groups as one, look at nothing one by one.
CREATE TABLE tzmigrate.trial (
    step text PRIMARY KEY,
    roots regclass[],
    picture jsonb,
    repairs jsonb,
    -- differences that the first run was told of
    announced jsonb,
    -- dependents that have nothing to give back: kind, relation, name
    bare jsonb,
    -- all of them, as the first run took them
    taken tzmigrate.step_dependent[]
);
-- files of the tables that a quick run may not rewrite
CREATE TABLE tzmigrate.trial_files (step_id bigint, relation regclass, files text, PRIMARY KEY (step_id, relation));

ALTER FUNCTION tzmigrate.check_leaning() RENAME TO whole_check_leaning;
ALTER FUNCTION tzmigrate.draw_sample(regclass, integer) RENAME TO whole_draw_sample;
ALTER FUNCTION tzmigrate.sampled(bigint, regclass, boolean) RENAME TO whole_sampled;
ALTER FUNCTION tzmigrate.check_dependent(text, oid, oid, integer, text, text[]) RENAME TO whole_check_dependent;
ALTER FUNCTION tzmigrate.step_picture() RENAME TO whole_step_picture;
ALTER FUNCTION tzmigrate.compare_picture(tzmigrate.step) RENAME TO whole_compare_picture;
ALTER FUNCTION tzmigrate.index_repairs_before(regclass[]) RENAME TO whole_index_repairs_before;
ALTER FUNCTION tzmigrate.repair_indexes(jsonb) RENAME TO whole_repair_indexes;

-- whether this is a run after the first one, which compares no values
CREATE OR REPLACE FUNCTION tzmigrate.again() RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
BEGIN
    RETURN coalesce(current_setting('tzmigrate.again', true), '') = 'yes';
END
$tz$;

-- once instead of twice: what stands there under the locks stood there before them
CREATE OR REPLACE FUNCTION tzmigrate.check_leaning() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    s tzmigrate.step = tzmigrate.open_step();
BEGIN
    -- choose_sample sets checked_since after its look
    IF s.checked_since IS NOT NULL THEN
        PERFORM tzmigrate.whole_check_leaning();
    END IF;
END
$tz$;

CREATE OR REPLACE FUNCTION tzmigrate.draw_sample(relation regclass, rows integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
BEGIN
    IF NOT tzmigrate.again() THEN
        PERFORM tzmigrate.whole_draw_sample(relation, rows);
    END IF;
END
$tz$;

CREATE OR REPLACE FUNCTION tzmigrate.sampled(open_id bigint, root regclass, zoned boolean) RETURNS TABLE (key text[], wall bigint[], instant bigint[])
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
BEGIN
    IF NOT tzmigrate.again() THEN
        RETURN QUERY SELECT v.key, v.wall, v.instant FROM tzmigrate.whole_sampled(open_id, root, zoned) AS v;
    END IF;
END
$tz$;

-- nobody waits for a lock here
CREATE OR REPLACE FUNCTION tzmigrate.rehearse() RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $tz$
$tz$;

-- Picture and repairs are kept here: the row of the step is read at every turn, and would carry them along.
CREATE OR REPLACE FUNCTION tzmigrate.step_picture() RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
BEGIN
    IF tzmigrate.again() THEN
        RETURN NULL;
    ELSIF current_setting('tzmigrate.comparing', true) = 'yes' THEN
        RETURN tzmigrate.whole_step_picture();
    END IF;
    INSERT INTO tzmigrate.trial (step, picture) VALUES ((tzmigrate.open_step()).step, tzmigrate.whole_step_picture())
    ON CONFLICT (step) DO UPDATE SET picture = excluded.picture;
    RETURN NULL;
END
$tz$;

CREATE OR REPLACE FUNCTION tzmigrate.index_repairs_before(roots regclass[]) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    state jsonb = tzmigrate.whole_index_repairs_before(roots);
BEGIN
    IF tzmigrate.again() THEN
        RETURN state;
    END IF;
    INSERT INTO tzmigrate.trial (step, repairs) VALUES ((tzmigrate.open_step()).step, state) ON CONFLICT (step) DO UPDATE SET repairs = excluded.repairs;
    RETURN NULL;
END
$tz$;

CREATE OR REPLACE FUNCTION tzmigrate.repair_indexes(saved jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
BEGIN
    IF NOT tzmigrate.again() THEN
        SELECT t.repairs INTO saved FROM tzmigrate.trial t WHERE t.step = (SELECT s.step FROM tzmigrate.open_step() AS s);
    END IF;
    PERFORM tzmigrate.whole_repair_indexes(saved);
END
$tz$;

-- what of these an index or key cannot have without having been given it
CREATE OR REPLACE FUNCTION tzmigrate.lasting(repairs jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
    SELECT jsonb_build_object(
        'indexes', (SELECT jsonb_agg(i) FROM jsonb_array_elements(coalesce(nullif(repairs -> 'indexes', 'null'), '[]')) AS i, LATERAL (SELECT i -> 'state') AS x (state)
            WHERE i ->> 'parent' IS NOT NULL OR state ->> 'options' IS NOT NULL OR state ->> 'tablespace' <> '' OR state ->> 'comment' IS NOT NULL
               OR (state ->> 'clustered')::boolean OR (state ->> 'replica identity')::boolean OR state ->> 'extensions' IS NOT NULL OR state ->> 'constraint comment' IS NOT NULL
               OR EXISTS (SELECT FROM jsonb_each_text(state -> 'statistics') AS v WHERE v.value <> '-1')),
        'keys', (SELECT jsonb_agg(k) FROM jsonb_array_elements(coalesce(nullif(repairs -> 'keys', 'null'), '[]')) AS k
            WHERE k ->> 'parent' IS NOT NULL OR k ->> 'comment' IS NOT NULL OR k ->> 'states' IS NOT NULL),
        'not nulls', repairs -> 'not nulls', 'columns', repairs -> 'columns', 'statistics', repairs -> 'statistics')
$tz$;

-- what the runs after the first one may differ in, and what they have to give back
CREATE OR REPLACE FUNCTION tzmigrate.remember(step text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
BEGIN
    UPDATE tzmigrate.trial t SET announced = (SELECT coalesce(jsonb_agg(a), '[]') FROM tzmigrate.announced(t.picture) AS a), repairs = tzmigrate.lasting(t.repairs)
    WHERE t.step = remember.step;
END
$tz$;

CREATE OR REPLACE FUNCTION tzmigrate.compare_picture(s tzmigrate.step) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    after jsonb;
    differs text;
BEGIN
    IF NOT tzmigrate.again() THEN
        SELECT t.picture INTO s.picture_before FROM tzmigrate.trial t WHERE t.step = s.step;
        UPDATE tzmigrate.trial t SET roots = (SELECT array_agg(tzmigrate.part_relation(x)) FROM tzmigrate.open_parts() AS x) WHERE t.step = s.step;
        PERFORM tzmigrate.remember(s.step);
        PERFORM set_config('tzmigrate.comparing', 'yes', true);
        PERFORM tzmigrate.whole_compare_picture(s);
        PERFORM set_config('tzmigrate.comparing', '', true);
    ELSIF s.direction = 'down' THEN
        SELECT tzmigrate.picture(t.roots) INTO after FROM tzmigrate.trial t WHERE t.step = s.step;
        -- what was made anew may be printed in other words; what it is must be the same
        SELECT string_agg(concat(x.thing, CASE WHEN x.property <> '' THEN concat(' (', x.property, ' was ', coalesce(x.was, 'nothing'), ', is ', coalesce(x.now, 'nothing'), ')')
                                               WHEN x.was IS NULL THEN ' (appeared)' ELSE ' (vanished)' END), '; ' ORDER BY x.thing, x.property) INTO differs
        FROM tzmigrate.trial t, tzmigrate.picture_differences(t.picture, after) AS x
        WHERE t.step = s.step AND (x.property IN ('', 'type') OR x.was IS NULL OR x.now IS NULL
            OR NOT EXISTS (SELECT FROM jsonb_array_elements(t.announced) AS a WHERE a ->> 'thing' = x.thing AND a -> 'properties' ? x.property));
        IF differs IS NOT NULL THEN
            PERFORM tzmigrate.refuse('TZ405', concat('step ', quote_literal(s.step), ' does not come back to what was there before it'), differs, '');
        END IF;
    END IF;
END
$tz$;

-- nobody else is there who could change what was looked at when it was declared
CREATE OR REPLACE FUNCTION tzmigrate.check_part(part_id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
BEGIN
END
$tz$;

-- before the first run nothing is known of the text, and whether its owner can be acted for is asked where it counts
CREATE OR REPLACE FUNCTION tzmigrate.check_dependent(label text, class oid, object oid, sub integer, printed text, known text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
BEGIN
    IF known <> '{}' OR sub > 0 THEN
        PERFORM tzmigrate.whole_check_dependent(label, class, object, sub, printed, known);
    END IF;
END
$tz$;

-- Quick runs: of several groups as one. They make and unmake everything as the revisions do; what these look at one by one, they look at
-- for all at once, the first run at more than the others. Where one fails, the groups are tried again each by itself, by the revisions' own calls.

-- in place of the guard: the support is the one that was just installed here
CREATE OR REPLACE FUNCTION tzmigrate.quick_guard() RETURNS void LANGUAGE plpgsql AS $tz$
BEGIN
    PERFORM pg_catalog.set_config('tzmigrate.search_path', pg_catalog.current_setting('search_path'), true);
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    PERFORM pg_catalog.set_config('tzmigrate.marker', 'open', true);
END
$tz$;

-- in place of plan_column, plan_dependent and choose_sample: the columns have these types, in the first run these defaults too, and the
-- dependents texts of these digests; remembers the files of what may not be rewritten
CREATE OR REPLACE FUNCTION tzmigrate.quick_plan(columns jsonb, dependents jsonb, kept text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
DECLARE
    first boolean = NOT tzmigrate.again();
    other text;
BEGIN
    SELECT min(concat(w.relation, '.', quote_ident(w.column_name))) INTO other
    FROM jsonb_to_recordset(quick_plan.columns) AS w (relation text, column_name name, type_before text, default_before text)
    LEFT JOIN pg_attribute a ON a.attrelid = to_regclass(w.relation) AND a.attname = w.column_name AND NOT a.attisdropped
    -- a type of PostgreSQL's own is labelled as it is formatted
    WHERE (a.atttypid < 16384 AND format_type(a.atttypid, a.atttypmod) = w.type_before) IS NOT TRUE AND tzmigrate.type_label(a.atttypid, a.atttypmod) IS DISTINCT FROM w.type_before
       -- the expression of a generated column is compared as what leans on other columns
       OR first AND a.attgenerated = '' AND (a.atthasdef OR w.default_before IS NOT NULL) AND tzmigrate.default_text(a.attrelid, a.attname) IS DISTINCT FROM w.default_before;
    IF other IS NOT NULL THEN
        PERFORM tzmigrate.refuse('TZ345', concat('column ', other, ' has another type or default than planned'), '', '');
    END IF;
    SELECT min(tzmigrate.label(w.kind, w.relation, w.name)) INTO other
    FROM jsonb_to_recordset(quick_plan.dependents) AS w (kind text, relation text, name text, before text[])
    LEFT JOIN LATERAL tzmigrate.find_dependent(w.kind, w.relation, w.name) AS f ON true
    WHERE f.object IS NULL OR w.before <> '{}' AND md5(convert_to(tzmigrate.definition(w.kind, f.class, f.object, f.sub), 'UTF8')) <> ALL (w.before);
    IF other IS NOT NULL THEN
        PERFORM tzmigrate.refuse('TZ345', concat(other, ' is not what was planned'), '', '');
    END IF;
    INSERT INTO tzmigrate.trial_files (step_id, relation, files)
    SELECT s.id, t::regclass, tzmigrate.file_nodes(t::regclass) FROM tzmigrate.open_step() AS s, unnest(quick_plan.kept) AS t;
END
$tz$;

-- in the first run: the rows of the ledger that say what is converted and made anew
CREATE OR REPLACE FUNCTION tzmigrate.quick_declare(columns jsonb, dependents jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
BEGIN
    PERFORM tzmigrate.add_part(w.relation)
    FROM (SELECT w.relation::regclass FROM ROWS FROM (jsonb_to_recordset(quick_declare.columns) AS (relation text)) WITH ORDINALITY AS w (relation, place) GROUP BY 1 ORDER BY min(w.place)) AS w;
    PERFORM tzmigrate.require_zone(w.zone) FROM (SELECT DISTINCT w.zone FROM jsonb_to_recordset(quick_declare.columns) AS w (zone text)) AS w;
    WITH part AS MATERIALIZED (
        SELECT x.*, tzmigrate.part_relation(x) AS here FROM tzmigrate.open_parts() AS x
    )
    INSERT INTO tzmigrate.step_column (step_id, position, relation_schema, relation_name, column_name, type_before, type_after, zone, default_before)
    SELECT p.id, row_number() OVER (PARTITION BY p.id ORDER BY w.place), p.relation_schema, p.relation_name, w.column_name, w.type_before, w.type_after, w.zone, w.default_before
    FROM ROWS FROM (jsonb_to_recordset(quick_declare.columns) AS (relation text, column_name name, type_before text, type_after text, zone text, default_before text))
        WITH ORDINALITY AS w (relation, column_name, type_before, type_after, zone, default_before, place)
    JOIN part p ON p.here = w.relation::regclass;
    INSERT INTO tzmigrate.step_dependent (step_id, position, kind, relation, name, way, before, after, zoned, present)
    SELECT s.id, w.place, w.kind, w.relation, w.name, w.way, w.before, w.after, w.zoned, true
    FROM tzmigrate.open_step() AS s, ROWS FROM (jsonb_to_recordset(quick_declare.dependents) AS (kind text, relation text, name text, way text, before text[], after text[], zoned name[]))
        WITH ORDINALITY AS w (kind, relation, name, way, before, after, zoned, place);
END
$tz$;

-- in the first run, in place of take_step
CREATE OR REPLACE FUNCTION tzmigrate.quick_look() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
DECLARE
    s tzmigrate.step = tzmigrate.open_step();
    tables regclass[] = (SELECT array_agg(tzmigrate.part_relation(x)) FROM tzmigrate.open_parts() AS x);
    state jsonb;
BEGIN
    PERFORM tzmigrate.whole_check_leaning();
    UPDATE tzmigrate.step_dependent x SET populated = k.populated, tablespace = k.tablespace, access_method = k.access_method, leaving = k.leaving, properties = k.properties
    FROM tzmigrate.step_dependent d CROSS JOIN LATERAL tzmigrate.find_dependent(d.kind, d.relation, d.name) AS f
    CROSS JOIN LATERAL tzmigrate.keep(d.kind, d.way, f.class, f.object, f.sub) AS k
    WHERE d.step_id = s.id AND x.step_id = d.step_id AND x.position = d.position;
    state = tzmigrate.whole_index_repairs_before(tables);
    INSERT INTO tzmigrate.trial (step, roots, picture, repairs, bare, taken)
    SELECT s.step, tables, tzmigrate.picture(tables), tzmigrate.lasting(state),
        coalesce(jsonb_agg(jsonb_build_array(d.kind, d.relation, d.name)) FILTER (WHERE d.properties = '{}' AND coalesce(d.leaving, '{}') = '{}' AND coalesce(d.tablespace, '') = ''), '[]'),
        coalesce(array_agg(d), '{}')
    FROM tzmigrate.step_dependent d WHERE d.step_id = s.id;
    PERFORM tzmigrate.leave_extensions();
    PERFORM tzmigrate.loosen_not_nulls(state -> 'not nulls');
END
$tz$;

-- in the runs after it: what has to be given back to dependents is the same
CREATE OR REPLACE FUNCTION tzmigrate.quick_take() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    s tzmigrate.step = tzmigrate.open_step();
BEGIN
    INSERT INTO tzmigrate.step_dependent (step_id, position, kind, relation, name, way, before, after, zoned, present, populated, tablespace, access_method, leaving, properties)
    SELECT s.id, d.position, d.kind, d.relation, d.name, d.way, '{}', '{}', '{}', true, d.populated, d.tablespace, d.access_method, d.leaving, d.properties
    FROM tzmigrate.trial t, unnest(t.taken) AS d WHERE t.step = s.step;
    PERFORM tzmigrate.leave_extensions();
    PERFORM tzmigrate.loosen_not_nulls((SELECT t.repairs -> 'not nulls' FROM tzmigrate.trial t WHERE t.step = s.step));
END
$tz$;

-- in place of prove_step; whether the columns got their types the next run asks
CREATE OR REPLACE FUNCTION tzmigrate.quick_prove() RETURNS void LANGUAGE plpgsql AS $tz$
#variable_conflict use_column
DECLARE
    s tzmigrate.step = tzmigrate.open_step();
    t tzmigrate.trial;
    rewritten text;
    differs text;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    SELECT x.* INTO t FROM tzmigrate.trial x WHERE x.step = s.step;
    SELECT min(f.relation::text) INTO rewritten FROM tzmigrate.trial_files f WHERE f.step_id = s.id AND tzmigrate.file_nodes(f.relation) IS DISTINCT FROM f.files;
    IF rewritten IS NOT NULL THEN
        PERFORM tzmigrate.refuse('TZ404', concat('table ', rewritten, ' was rewritten, which the plan did not announce'), '', '');
    END IF;
    PERFORM tzmigrate.whole_repair_indexes(t.repairs);
    IF tzmigrate.again() THEN
        PERFORM tzmigrate.compare_picture(s);
    ELSE
        PERFORM tzmigrate.recompile(t.roots);
        differs = tzmigrate.unannounced(t.picture, tzmigrate.picture(t.roots));
        IF differs IS NOT NULL THEN
            PERFORM tzmigrate.refuse('TZ405', 'something changed that was not announced', differs, '');
        END IF;
        PERFORM tzmigrate.remember(s.step);
    END IF;
    UPDATE tzmigrate.step x SET done_at = clock_timestamp(), unfinished = NULL WHERE x.id IN (SELECT o.id FROM tzmigrate.open_parts() AS o);
    PERFORM tzmigrate.close_step();
END
$tz$;
