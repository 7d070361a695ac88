-- conversion: lock, convert or pass over, prove

-- lock what the step declared, look again, and read the baseline under the locks: dependents first, from the top view down
CREATE OR REPLACE FUNCTION tzmigrate.take_step() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
DECLARE
    s tzmigrate.step = tzmigrate.open_step();
    part tzmigrate.step;
    t regclass;
    done bigint;
    types oid[];
BEGIN
    PERFORM tzmigrate.rehearse();
    IF NOT s.passed_over THEN
        types = tzmigrate.check_readable();
        PERFORM tzmigrate.read_whole_columns();
        PERFORM tzmigrate.take_dependents();
    END IF;
    FOR t IN SELECT tzmigrate.part_relation(x) FROM tzmigrate.open_parts() AS x ORDER BY x.relation_schema, x.relation_name LOOP
        PERFORM tzmigrate.lock_relation(t);
    END LOOP;
    -- what was looked at under its lock was read with the types that are held since the first look
    IF NOT s.passed_over AND tzmigrate.check_readable() IS DISTINCT FROM types THEN
        PERFORM tzmigrate.refuse('TZ345', concat('what leans on the tables of step ', quote_literal(s.step), ' changed while the revision waited for its locks'), 'Nothing was done.', 'Run the same command again.');
    END IF;
    IF current_setting('TimeZone') <> s.session_zone THEN
        PERFORM tzmigrate.refuse('TZ643', concat('the session zone is ', current_setting('TimeZone'), ', the step pinned ', s.session_zone), '',
            'Run the revision as it was written, in one transaction.');
    END IF;
    FOR part IN SELECT * FROM tzmigrate.open_parts() LOOP
        PERFORM tzmigrate.check_part(part.id);
    END LOOP;
    SELECT count(*) FILTER (WHERE x.passed_over) INTO done FROM tzmigrate.open_parts() AS x;
    IF done > 0 THEN
        IF done < (SELECT count(*) FROM tzmigrate.open_parts()) THEN
            PERFORM tzmigrate.refuse('TZ345', concat('stale plan: some tables of step ', quote_literal(s.step), ' are converted already, and some are not'), '',
                tzmigrate.plan_again(s.direction));
        END IF;
        RETURN;
    END IF;
    PERFORM tzmigrate.check_leaning();
    UPDATE tzmigrate.step x SET picture_before = tzmigrate.step_picture(),
        repairs = tzmigrate.index_repairs_before((SELECT array_agg(tzmigrate.part_relation(o)) FROM tzmigrate.open_parts() AS o)) WHERE x.id = s.id;
    PERFORM tzmigrate.stand_guard();
    PERFORM tzmigrate.leave_extensions();
    PERFORM tzmigrate.loosen_not_nulls(tzmigrate.not_nulls_before((SELECT array_agg(tzmigrate.part_relation(o)) FROM tzmigrate.open_parts() AS o)));
    FOR part IN SELECT * FROM tzmigrate.open_parts() LOOP
        PERFORM tzmigrate.take_baseline(part);
    END LOOP;
END
$tz$;

-- the first call of a function in a session plans its queries and fills caches, which takes several times as long as the call itself:
-- what only reads is called once before the locks, and what it answers counts under them
CREATE OR REPLACE FUNCTION tzmigrate.rehearse() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    roots regclass[] = (SELECT array_agg(tzmigrate.part_relation(o)) FROM tzmigrate.open_parts() AS o);
    picture jsonb;
BEGIN
    picture = tzmigrate.step_picture();
    PERFORM tzmigrate.index_repairs_before(roots), tzmigrate.unannounced(picture, picture);
    PERFORM FROM tzmigrate.announced(picture);
EXCEPTION WHEN OTHERS THEN
    -- without a lock something may go away while it is read
    NULL;
END
$tz$;

-- where every row is to be compared: read them first, under locks that stop who writes but nobody who reads
CREATE OR REPLACE FUNCTION tzmigrate.read_whole_columns() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
DECLARE
    s tzmigrate.step = tzmigrate.open_step();
    part tzmigrate.step;
    relation regclass;
BEGIN
    IF NOT EXISTS (SELECT FROM tzmigrate.open_parts() AS x WHERE x.proof = 'full' AND NOT x.forced_row_security) THEN
        RETURN;
    END IF;
    -- who writes through a view holds it while waiting for the table: such views first, from the top
    FOR relation IN SELECT to_regclass(d.relation) FROM tzmigrate.step_dependent d
                    WHERE d.step_id = s.id AND d.present AND d.kind = 'view' AND pg_relation_is_updatable(to_regclass(d.relation), false) <> 0 ORDER BY d.position LOOP
        IF tzmigrate.reads_others(relation) THEN
            -- LOCK TABLE would stop who writes to those
            PERFORM tzmigrate.lock_relation(relation);
        ELSE
            BEGIN
                EXECUTE concat('LOCK TABLE ', relation, ' IN SHARE ROW EXCLUSIVE MODE');
            EXCEPTION WHEN insufficient_privilege THEN
                -- the view's owner may not write what stands below, so nobody writes through it
                NULL;
            END;
        END IF;
    END LOOP;
    FOR relation IN SELECT tzmigrate.part_relation(x) FROM tzmigrate.open_parts() AS x ORDER BY x.relation_schema, x.relation_name LOOP
        EXECUTE concat('LOCK TABLE ', relation, ' IN SHARE ROW EXCLUSIVE MODE');
    END LOOP;
    FOR part IN SELECT * FROM tzmigrate.open_parts() LOOP
        PERFORM tzmigrate.check_part(part.id);
    END LOOP;
    FOR part IN SELECT * FROM tzmigrate.open_parts() AS x WHERE x.proof = 'full' AND NOT x.forced_row_security AND NOT x.passed_over LOOP
        PERFORM tzmigrate.read_whole_column(part);
    END LOOP;
END
$tz$;

-- whether a view reads anything but tables of the step, itself or by other views
CREATE OR REPLACE FUNCTION tzmigrate.reads_others(view regclass) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
BEGIN
    RETURN (
        WITH RECURSIVE below (relation) AS (
            SELECT reads_others.view::oid
            UNION
            SELECT d.refobjid FROM below b JOIN pg_rewrite r ON r.ev_class = b.relation AND r.rulename = '_RETURN'
            JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid WHERE d.refclassid = 'pg_class'::regclass
        )
        SELECT EXISTS (SELECT FROM below b JOIN pg_class c ON c.oid = b.relation
            WHERE c.relkind <> 'v' AND c.oid NOT IN (SELECT tzmigrate.part_relation(x)::oid FROM tzmigrate.open_parts() AS x)));
END
$tz$;

CREATE OR REPLACE FUNCTION tzmigrate.read_whole_column(s tzmigrate.step) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
DECLARE
    f record = tzmigrate.fingerprint(s.id, tzmigrate.part_relation(s), s.direction = 'down');
BEGIN
    UPDATE tzmigrate.step x SET rows_total = f.rows WHERE x.id = s.id;
    UPDATE tzmigrate.step_column x SET values_before = f.counts[x.position], infinite_before = f.infinite[x.position], fingerprint_before = f.sums[x.position],
        lowest_before = f.lowest[x.position], highest_before = f.highest[x.position] WHERE x.step_id = s.id;
END
$tz$;

-- the rows of the open step, one for each table
CREATE OR REPLACE FUNCTION tzmigrate.open_parts() RETURNS SETOF tzmigrate.step
LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT x.* FROM tzmigrate.open_step() AS s JOIN tzmigrate.step x ON x.id >= s.id AND x.step = s.step AND x.done_at IS NULL ORDER BY x.part;
END
$tz$;

CREATE OR REPLACE FUNCTION tzmigrate.part_relation(part tzmigrate.step) RETURNS regclass
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT concat(quote_ident(part.relation_schema), '.', quote_ident(part.relation_name))::regclass);
END
$tz$;

-- its columns, looked at again under the lock
CREATE OR REPLACE FUNCTION tzmigrate.check_part(part_id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
DECLARE
    s tzmigrate.step;
    t regclass;
    c tzmigrate.step_column;
    announced name[];
    unbuilt text;
BEGIN
    UPDATE tzmigrate.step x SET passed_over = false WHERE x.id = part_id;
    FOR c IN SELECT * FROM tzmigrate.step_column x WHERE x.step_id = part_id ORDER BY x.position LOOP
        PERFORM tzmigrate.check_column(part_id, c.column_name);
    END LOOP;
    SELECT * INTO s FROM tzmigrate.step x WHERE x.id = part_id;
    t = tzmigrate.part_relation(s);
    IF s.passed_over THEN
        IF EXISTS (SELECT FROM tzmigrate.step_column x JOIN pg_attribute a ON a.attrelid = t AND a.attname = x.column_name
                   WHERE x.step_id = s.id AND tzmigrate.type_label(a.atttypid, a.atttypmod) <> x.type_after) THEN
            PERFORM tzmigrate.refuse('TZ345', concat('stale plan: some planned columns of ', t, ' are converted already, and some are not'), '',
                tzmigrate.plan_again(s.direction));
        END IF;
        RETURN;
    END IF;
    SELECT array_agg(x.column_name) INTO announced FROM tzmigrate.step_column x WHERE x.step_id = s.id;
    -- under the lock no index is being built; a rewrite builds them all
    SELECT min(i.indexrelid::regclass::text) INTO unbuilt FROM tzmigrate.leaves(t) AS l JOIN pg_index i ON i.indrelid = l
    WHERE NOT i.indisvalid AND (s.rewrite OR EXISTS (
        SELECT FROM pg_attribute a WHERE a.attrelid = l AND a.attname = ANY (announced) AND a.attnum = ANY (i.indkey::int2[])));
    IF unbuilt IS NOT NULL THEN
        PERFORM tzmigrate.refuse('TZ351', concat('index ', unbuilt, ' is invalid, and the conversion of ', t, ' would build it'),
            'A build that failed left it so. Nothing was done.', 'Drop it, or build it with REINDEX INDEX CONCURRENTLY; then run the same command again.');
    END IF;
END
$tz$;

-- what stands in the table before the conversion: recorded values, fingerprints, files
CREATE OR REPLACE FUNCTION tzmigrate.take_baseline(s tzmigrate.step) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
DECLARE
    t regclass = tzmigrate.part_relation(s);
    gone bigint;
    empty boolean;
BEGIN
    PERFORM tzmigrate.check_counting(s, t);
    IF s.forced_row_security THEN
        EXECUTE concat('ALTER TABLE ', t, ' NO FORCE ROW LEVEL SECURITY');
        PERFORM tzmigrate.check_clock_changes(t, '');
        PERFORM tzmigrate.draw_sample(t, s.sample_rows);
        IF s.proof = 'full' THEN
            PERFORM tzmigrate.read_whole_column(s);
        END IF;
    ELSIF s.rewrite THEN
        PERFORM tzmigrate.check_clock_changes(t, s.checked_since);
    END IF;
    UPDATE tzmigrate.step x SET file_nodes_before = tzmigrate.file_nodes(t), rows_written = tzmigrate.rows_written(t) WHERE x.id = s.id;
    gone = tzmigrate.record_values(s, t);
    -- hardly a row of before the lock is left under it, or there was none yet
    IF s.key IS NOT NULL AND gone >= (SELECT count(*) FROM tzmigrate.sample x WHERE x.step_id = s.id) THEN
        PERFORM tzmigrate.draw_sample(t, s.sample_rows);
        PERFORM tzmigrate.record_values(s, t);
        IF NOT EXISTS (SELECT FROM tzmigrate.sample x WHERE x.step_id = s.id) THEN
            EXECUTE concat('SELECT NOT EXISTS (SELECT FROM ', t, ')') INTO empty;
            UPDATE tzmigrate.step x SET rows_total = 0 WHERE x.id = s.id AND empty;
        END IF;
    END IF;
END
$tz$;

-- rows that are written meanwhile are known by the server's counters, where no fingerprint shows them
CREATE OR REPLACE FUNCTION tzmigrate.check_counting(s tzmigrate.step, relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
BEGIN
    IF s.proof <> 'full' AND current_setting('track_counts') = 'off' THEN
        PERFORM tzmigrate.refuse('TZ406', concat('track_counts is off, so nobody would know of rows of table ', relation, ' that are written during the conversion'),
            'The transaction is rolled back and nothing has changed.',
            'Set track_counts = on, which autovacuum needs as well; or set proof = "full" under [policy] in tzmigrate.toml and write the plan again.');
    END IF;
END
$tz$;

-- whether the ALTER is still to be done; a step that is passed over changes nothing
CREATE OR REPLACE FUNCTION tzmigrate.must_convert() RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT NOT (tzmigrate.open_step()).passed_over);
END
$tz$;

-- after the conversion: no value of the table moved
CREATE OR REPLACE FUNCTION tzmigrate.prove_part(s tzmigrate.step) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
DECLARE
    t regclass = tzmigrate.part_relation(s);
    c tzmigrate.step_column;
    f record;
    moved record;
    up boolean = s.direction = 'up';
    rewritten boolean;
    differs text;
    names text;
BEGIN
    SELECT string_agg(quote_ident(x.column_name), ', ' ORDER BY x.position) INTO names
    FROM tzmigrate.step_column x WHERE x.step_id = s.id;
    SELECT string_agg(concat(quote_ident(x.column_name), ' is ', tzmigrate.type_label(a.atttypid, a.atttypmod)), ', ') INTO differs
    FROM tzmigrate.step_column x JOIN pg_attribute a ON a.attrelid = t AND a.attname = x.column_name AND NOT a.attisdropped
    WHERE x.step_id = s.id AND tzmigrate.type_label(a.atttypid, a.atttypmod) <> x.type_after;
    IF differs IS NOT NULL THEN
        PERFORM tzmigrate.refuse('TZ403', concat('a column of ', t, ' did not get its planned type'), differs, 'Run the revision as it was written.');
    END IF;
    IF up THEN
        -- a cast that PostgreSQL added by itself would read it in the zone of whoever inserts
        SELECT string_agg(concat(d.adrelid::regclass, '.', quote_ident(x.column_name), ' has the default ', pg_get_expr(d.adbin, d.adrelid)), ', ') INTO differs
        FROM (SELECT t AS relation UNION SELECT l FROM tzmigrate.leaves(t) AS l) AS r, tzmigrate.step_column x
        JOIN pg_attribute a ON a.attname = x.column_name JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE x.step_id = s.id AND a.attrelid = r.relation AND a.attgenerated = '' AND d.adbin::text ~ concat('^{FUNCEXPR ', chr(58), 'funcid (2028|1174) ');
        IF differs IS NOT NULL THEN
            PERFORM tzmigrate.refuse('TZ405', concat('a default of ', t, ' still yields naive time'),
                concat('Column ', differs, '. Each session would read it in its own zone. The transaction is rolled back.'),
                'Run the revision as it was written, or write the plan again.');
        END IF;
    END IF;
    rewritten = tzmigrate.file_nodes(t) IS DISTINCT FROM s.file_nodes_before;
    -- the sample: every recorded row, to the microsecond
    SELECT x.column_name, bool_and(x.one_moment) AS one_moment, count(*) AS compared, count(*) FILTER (WHERE d.found IS NULL) AS missing,
        count(*) FILTER (WHERE d.found AND d.was IS DISTINCT FROM d.now) AS shifted,
        mode() WITHIN GROUP (ORDER BY d.now - d.was) FILTER (
            WHERE x.one_moment AND d.was <> d.now AND abs(d.was) < 9223372036854775807 AND abs(d.now) < 9223372036854775807 AND abs(d.now - d.was) < 9200000000000000000) AS microseconds
    INTO moved
    -- OFFSET 0, so that it is asked once for a column and not for each row
    FROM (SELECT y.position, y.column_name, tzmigrate.one_moment(y) AS one_moment FROM tzmigrate.step_column y WHERE y.step_id = s.id OFFSET 0) AS x,
        (SELECT v.*, p.wall AS old_wall, p.instant AS old_instant
         FROM tzmigrate.sample p LEFT JOIN tzmigrate.sampled(s.id, t, up) AS v ON v.key = p.key WHERE p.step_id = s.id) AS r,
        LATERAL (SELECT CASE WHEN r.key IS NOT NULL THEN true END AS found,
            (CASE WHEN up THEN r.old_instant[x.position] ELSE r.old_wall[x.position] END)::numeric AS was,
            (CASE WHEN up THEN r.instant[x.position] ELSE r.wall[x.position] END)::numeric AS now) AS d
    WHERE s.key IS NOT NULL AND NOT (rewritten AND s.key = ARRAY['tableoid', 'ctid'])
    GROUP BY x.position, x.column_name
    HAVING count(*) FILTER (WHERE d.found IS NULL OR d.was IS DISTINCT FROM d.now) > 0
    ORDER BY count(*) FILTER (WHERE d.found AND d.was IS DISTINCT FROM d.now) = 0, x.position LIMIT 1;
    IF FOUND THEN
        IF moved.shifted = 0 THEN
            PERFORM tzmigrate.refuse('TZ401', concat(moved.missing, ' of ', moved.compared, ' recorded rows of ', t, ' were not found again'),
                concat('They were looked for by ', (SELECT string_agg(quote_ident(k), ', ') FROM unnest(s.key) AS k), ' after the conversion of ', names,
                    '. The transaction is rolled back and nothing has changed.'),
                'Run the revision as it was written by tzmigrate plan; if it was, report this with the table definition.');
        END IF;
        PERFORM tzmigrate.refuse('TZ401', concat('column ', t, '.', quote_ident(moved.column_name),
            CASE WHEN moved.one_moment THEN concat(' was shifted by ', coalesce((moved.microseconds * INTERVAL '1 microsecond')::text, 'an unknown offset')) ELSE ' holds other values' END, ' in ', moved.shifted, ' of ', moved.compared, ' compared rows'),
            concat(moved.missing, ' recorded rows were not found again. The transaction is rolled back and nothing has changed.'),
            'Run the revision as it was written by tzmigrate plan; if it was, report this with the table definition.');
    END IF;
    IF rewritten AND NOT s.rewrite THEN
        PERFORM tzmigrate.refuse('TZ404', concat('table ', t, ' was rewritten, which the plan did not announce'),
            concat('Its columns ', names, ' were to be converted in the catalog alone. The transaction is rolled back.'),
            'Write the plan again; if it happens again, report it with the table definition.');
    END IF;
    PERFORM tzmigrate.check_counting(s, t);
    IF tzmigrate.rows_written(t) <> s.rows_written THEN
        PERFORM tzmigrate.refuse('TZ406', concat('rows of table ', t, ' were written while its columns were converted'),
            'The conversion itself writes none. The transaction is rolled back and nothing has changed.',
            'Run the revision as it was written by tzmigrate plan.');
    END IF;
    -- the whole column, where the plan asks for it
    IF s.proof = 'full' THEN
        f = tzmigrate.fingerprint(s.id, t, up);
        FOR c IN SELECT * FROM tzmigrate.step_column x WHERE x.step_id = s.id ORDER BY x.position LOOP
            differs = tzmigrate.difference(s.rows_total, c, f);
            IF differs IS NOT NULL THEN
                PERFORM tzmigrate.refuse('TZ402', concat('column ', t, '.', quote_ident(c.column_name), ' does not hold what it held before: ', differs),
                    concat('Rows ', s.rows_total, ' before and ', f.rows, ' after, values ', c.values_before, ' and ', f.counts[c.position], ', fingerprints ', c.fingerprint_before, ' and ', f.sums[c.position], '. The transaction is rolled back and nothing has changed.'),
                    'Run the revision as it was written by tzmigrate plan; if it was, report this with the table definition.');
            END IF;
        END LOOP;
    END IF;
    IF s.forced_row_security THEN
        EXECUTE concat('ALTER TABLE ', t, ' FORCE ROW LEVEL SECURITY');
    END IF;
    PERFORM tzmigrate.record_part(s);
    RAISE NOTICE USING MESSAGE = concat('tzmigrate: ', t, ' proved; next ANALYZE ', t, ' (', names, ')');
END
$tz$;

-- what later comparisons go by: rows and their values, files, the names of now, and whose transactions had ended
CREATE OR REPLACE FUNCTION tzmigrate.record_part(s tzmigrate.step) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
DECLARE
    t regclass = tzmigrate.part_relation(s);
BEGIN
    IF s.key IS NULL THEN
        -- without a key rows are known by their place, and a rewrite gave them new ones: taken now, after the whole column was compared
        UPDATE tzmigrate.step x SET key = ARRAY['tableoid', 'ctid'] WHERE x.id = s.id;
        PERFORM tzmigrate.draw_sample(t, s.sample_rows);
        UPDATE tzmigrate.sample x SET wall = v.wall, instant = v.instant FROM tzmigrate.sampled(s.id, t, s.direction = 'up') AS v WHERE x.step_id = s.id AND x.key = v.key;
    END IF;
    IF s.masked THEN
        -- a role that may not see the rows may one day see the ledger
        UPDATE tzmigrate.sample x SET
            wall = (SELECT array_agg(hashint8extended(w, s.id) ORDER BY o) FROM unnest(x.wall) WITH ORDINALITY AS u (w, o)),
            instant = (SELECT array_agg(hashint8extended(i, s.id) ORDER BY o) FROM unnest(x.instant) WITH ORDINALITY AS u (i, o))
        WHERE x.step_id = s.id;
    END IF;
    UPDATE tzmigrate.step_column x SET default_after = tzmigrate.default_text(t, x.column_name), attnum = a.attnum
    FROM pg_attribute a WHERE x.step_id = s.id AND a.attrelid = t AND a.attname = x.column_name;
    UPDATE tzmigrate.step x SET file_nodes_after = tzmigrate.file_nodes(t), relation_oid = t, key_identity = tzmigrate.key_identity(t, x.key),
        horizon = pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
        transaction_ids = ARRAY[pg_current_xact_id()::text::bigint, (SELECT tzmigrate.full_xid(k.xmin) FROM pg_class k WHERE k.oid = t)]
    WHERE x.id = s.id;
    -- the values recorded by earlier runs of this step say nothing of what stands there now
    DELETE FROM tzmigrate.sample x USING tzmigrate.step y WHERE x.step_id = y.id AND y.step = s.step AND y.part = s.part AND y.id < s.id;
END
$tz$;

-- what a column holds otherwise than its fingerprint says, in words; NULL where it is the same
CREATE OR REPLACE FUNCTION tzmigrate.difference(rows_before bigint, c tzmigrate.step_column, f record) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
DECLARE
    values_now bigint = f.counts[c.position];
    low numeric = f.lowest[c.position]::numeric - c.lowest_before;
    high numeric = f.highest[c.position]::numeric - c.highest_before;
    other name;
BEGIN
    IF f.rows <> rows_before THEN
        RETURN concat(abs(f.rows - rows_before), CASE abs(f.rows - rows_before) WHEN 1 THEN ' row' ELSE ' rows' END, CASE WHEN f.rows < rows_before THEN ' fewer' ELSE ' more' END);
    ELSIF values_now <> c.values_before THEN
        RETURN CASE WHEN values_now > c.values_before THEN concat(values_now - c.values_before, ' of its NULLs hold a value') ELSE concat(c.values_before - values_now, ' of its values are NULL') END;
    ELSIF f.infinite[c.position] <> c.infinite_before THEN
        RETURN concat(c.infinite_before, ' values were infinite, ', f.infinite[c.position], ' are');
    ELSIF f.sums[c.position] IS NOT DISTINCT FROM c.fingerprint_before THEN
        RETURN CASE WHEN low <> 0 OR high <> 0 THEN 'its first or last moment moved' END;
    END IF;
    SELECT min(x.column_name) INTO other FROM tzmigrate.step_column x WHERE x.step_id = c.step_id AND x.position <> c.position AND x.fingerprint_before = f.sums[c.position];
    RETURN CASE WHEN other IS NOT NULL THEN concat('it holds what ', quote_ident(other), ' held')
                WHEN low = high AND low <> 0 THEN concat('its first and its last moment moved by ', low * INTERVAL '1 microsecond')
                WHEN low <> 0 OR high <> 0 THEN 'its first or last moment moved, others may have as well'
                ELSE 'the same number of values, from the same first moment to the same last, but others between them or in other rows' END;
END
$tz$;

-- everything is as announced; then the ledger, and the session's settings as they were
CREATE OR REPLACE FUNCTION tzmigrate.prove_step() RETURNS void LANGUAGE plpgsql AS $tz$
#variable_conflict use_column
DECLARE
    s tzmigrate.step = tzmigrate.open_step();
    part tzmigrate.step;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    IF s.passed_over THEN
        DELETE FROM tzmigrate.sample x WHERE x.step_id IN (SELECT o.id FROM tzmigrate.open_parts() AS o);
        DELETE FROM tzmigrate.step x WHERE x.id IN (SELECT o.id FROM tzmigrate.open_parts() AS o);
    ELSE
        FOR part IN SELECT * FROM tzmigrate.open_parts() LOOP
            PERFORM tzmigrate.prove_part(part);
        END LOOP;
        UPDATE tzmigrate.step_default d SET default_after = tzmigrate.default_text(to_regclass(d.relation), d.column_name) WHERE d.step_id = s.id AND d.present;
        PERFORM tzmigrate.repair_indexes(s.repairs);
        -- with a notice for everybody else, IF EXISTS would say that there is none
        IF EXISTS (SELECT FROM pg_event_trigger e WHERE e.evtfoid = to_regprocedure('tzmigrate.keep_still()')) THEN
            DROP EVENT TRIGGER tz_keep_still;
        END IF;
        PERFORM tzmigrate.recompile((SELECT array_agg(x.relation) FROM (
            SELECT tzmigrate.part_relation(o) AS relation FROM tzmigrate.open_parts() AS o
            -- a composite type that was altered has the functions that it had
            UNION ALL SELECT t.typrelid::regclass FROM tzmigrate.step_dependent d JOIN pg_type t ON t.oid = CASE d.kind WHEN 'type' THEN to_regtype(d.relation) END WHERE d.step_id = s.id) AS x));
        PERFORM tzmigrate.compare_picture(s);
        UPDATE tzmigrate.step x SET done_at = clock_timestamp(), unfinished = NULL, picture_before = NULL, repairs = NULL WHERE x.id IN (SELECT o.id FROM tzmigrate.open_parts() AS o);
    END IF;
    PERFORM tzmigrate.close_step();
END
$tz$;

-- the step is done: the session's settings as they were
CREATE OR REPLACE FUNCTION tzmigrate.close_step() RETURNS void LANGUAGE plpgsql AS $tz$
#variable_conflict use_column
DECLARE
    setting record;
BEGIN
    PERFORM set_config('tzmigrate.marker', '', true), set_config('tzmigrate.step', '', true);
    FOR setting IN SELECT key AS name, value FROM jsonb_each_text(current_setting('tzmigrate.saved')::jsonb) AS j WHERE key <> 'search_path' LOOP
        PERFORM set_config(setting.name, setting.value, true);
    END LOOP;
    PERFORM pg_catalog.set_config('search_path', current_setting('tzmigrate.saved')::jsonb ->> 'search_path', true);
END
$tz$;

-- everything about the tables of the step and what depends on them
CREATE OR REPLACE FUNCTION tzmigrate.step_picture() RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT tzmigrate.picture(array_agg(tzmigrate.part_relation(x))) FROM tzmigrate.open_parts() AS x);
END
$tz$;

-- what the plan said would differ: types and defaults of the columns, and the texts of what was made anew
CREATE OR REPLACE FUNCTION tzmigrate.announced(after jsonb) RETURNS TABLE (thing text, properties text[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        WITH RECURSIVE tree (id, relation) AS (
            SELECT x.id, tzmigrate.part_relation(x)::oid FROM tzmigrate.open_parts() AS x
            UNION SELECT tree.id, i.inhrelid FROM pg_inherits i JOIN tree ON tree.relation = i.inhparent
        ), planned AS (
            SELECT d.* FROM tzmigrate.open_step() AS s JOIN tzmigrate.step_dependent d ON d.step_id = s.id
        ), index_tree (thing) AS (
            SELECT concat('index ', p.relation) FROM planned p WHERE p.kind = 'index'
            UNION SELECT j.key FROM index_tree t JOIN jsonb_each(after) AS j ON concat('index ', j.value ->> 'parent') = t.thing
        )
        SELECT concat('column ', tree.relation::regclass, '.', quote_ident(c.column_name)), ARRAY['type', 'default'] FROM tree JOIN tzmigrate.step_column c ON c.step_id = tree.id
        UNION ALL
        SELECT concat('column ', p.relation, '.', quote_ident(z)), ARRAY['type', 'default'] FROM planned p, unnest(p.zoned) AS z
        UNION ALL
        SELECT concat('column ', p.relation, '.', quote_ident(p.name)), ARRAY['default'] FROM planned p WHERE p.kind IN ('default', 'generated column')
        UNION ALL
        SELECT concat('column ', tree.relation::regclass, '.', quote_ident(p.name)), ARRAY['default'] FROM planned p, tree WHERE p.kind = 'generated column'
        UNION ALL
        SELECT CASE p.kind WHEN 'publication' THEN concat('table ', p.relation, ' in publication ', quote_ident(p.name)) ELSE tzmigrate.label(p.kind, p.relation, p.name) END,
            ARRAY['definition', 'using', 'check', 'filter'] FROM planned p
        UNION ALL
        SELECT concat(k, ' ', p.relation), ARRAY['definition'] FROM planned p, unnest(ARRAY['function', 'procedure']) AS k WHERE p.kind IN ('function', 'row function')
        UNION ALL
        -- a domain that a column leaves or comes back to
        SELECT concat('domain ', replace(t.label, ' without time zone', '')), ARRAY['']
        FROM tree JOIN tzmigrate.step_column c ON c.step_id = tree.id, unnest(ARRAY[c.type_before, c.type_after]) AS t (label)
        WHERE strpos(t.label, '.') > 0 AND (strpos(c.type_before, '.') = 0 OR strpos(c.type_after, '.') = 0)
        UNION ALL
        -- and its default, which the column takes with it
        SELECT concat('column ', tree.relation::regclass, '.', quote_ident(c.column_name)), ARRAY['default', 'default of a domain', 'calls']
        FROM tree JOIN tzmigrate.step_column c ON c.step_id = tree.id WHERE strpos(c.type_before, '.') = 0 AND strpos(c.type_after, '.') > 0 OR strpos(c.type_before, '.') > 0 AND strpos(c.type_after, '.') = 0
        UNION ALL
        -- a domain or row type that was replaced by one of its name
        SELECT concat(p.kind, ' ', p.relation), ARRAY['base type', 'default'] FROM planned p WHERE p.kind = 'domain'
        UNION ALL
        SELECT concat('constraint ', quote_ident(k.conname), ' of domain ', p.relation), ARRAY['definition']
        FROM planned p JOIN pg_constraint k ON k.contypid = CASE p.kind WHEN 'domain' THEN to_regtype(p.relation) END
        UNION ALL
        SELECT concat('column ', p.relation, '.', quote_ident(a.attname)), ARRAY['type']
        FROM planned p JOIN pg_type t ON t.oid = CASE p.kind WHEN 'type' THEN to_regtype(p.relation) END JOIN pg_attribute a ON a.attrelid = t.typrelid WHERE a.attnum > 0
        UNION ALL
        -- what partitions and children have from their parent
        SELECT concat(p.kind, ' ', quote_ident(p.name), ' of ', tree.relation::regclass), ARRAY['definition'] FROM planned p, tree WHERE p.kind IN ('constraint', 'trigger')
        UNION ALL
        SELECT t.thing, ARRAY['definition'] FROM index_tree t
        UNION ALL
        -- an exclusion constraint and its index are one
        SELECT concat('index ', k.conindid::regclass), ARRAY['definition'] FROM planned p JOIN pg_constraint k ON k.conrelid = to_regclass(p.relation) AND k.conname = p.name AND k.conindid <> 0
        WHERE p.kind = 'constraint';
END
$tz$;

-- what differs between two pictures that the plan did not say, in words
CREATE OR REPLACE FUNCTION tzmigrate.unannounced(before jsonb, after jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
BEGIN
    RETURN (
        SELECT string_agg(concat(x.thing, CASE WHEN x.property <> '' THEN concat(' (', x.property, ' was ', coalesce(x.was, 'nothing'), ', is ', coalesce(x.now, 'nothing'), ')')
                                               WHEN x.was IS NULL THEN ' (appeared)' ELSE ' (vanished)' END), '; ' ORDER BY x.thing, x.property)
        FROM tzmigrate.picture_differences(before, after) AS x
        WHERE NOT EXISTS (SELECT FROM tzmigrate.announced(after) AS a WHERE a.thing = x.thing AND x.property = ANY (a.properties)
                          -- a default may change its text, but not come or go
                          AND (x.property <> 'default' OR x.was IS NOT NULL AND x.now IS NOT NULL OR 'default of a domain' = ANY (a.properties))));
END
$tz$;

-- nothing else differs, and what was made anew is what the plan said
CREATE OR REPLACE FUNCTION tzmigrate.compare_picture(s tzmigrate.step) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
DECLARE
    after jsonb = tzmigrate.step_picture();
    differs text = tzmigrate.unannounced(s.picture_before, after);
    d tzmigrate.step_dependent;
    f record;
    printed text;
BEGIN
    IF differs IS NOT NULL THEN
        PERFORM tzmigrate.refuse('TZ405', concat('something changed that the plan of step ', quote_literal(s.step), ' did not announce'), differs,
            concat('The transaction is rolled back. ', CASE WHEN strpos(differs, '(calls was ') > 0 THEN 'A text that is made anew finds other functions by now: drop or rename these, or write'
                                                            ELSE 'Write' END, ' the plan again; if it happens again, report it with the table definition.'));
    END IF;
    FOR d IN SELECT * FROM tzmigrate.step_dependent x WHERE x.step_id = s.id AND x.present LOOP
        SELECT * INTO f FROM tzmigrate.find_dependent(d.kind, d.relation, d.name);
        printed = tzmigrate.definition(d.kind, f.class, f.object, f.sub);
        IF d.after <> '{}' AND md5(convert_to(tzmigrate.anywhere(f.class, printed), 'UTF8')) <> ALL (d.after) AND s.server_major = current_setting('server_version_num')::integer / 10000 THEN
            PERFORM tzmigrate.refuse('TZ405', concat(tzmigrate.label(d.kind, d.relation, d.name), ' is not what the plan of step ', quote_literal(s.step), ' announced'), coalesce(printed, ''),
                'The transaction is rolled back. Run the revision as it was written, or write the plan again.');
        END IF;
        UPDATE tzmigrate.step_dependent x SET definition_after = printed, properties = NULL WHERE x.step_id = s.id AND x.position = d.position;
    END LOOP;
    UPDATE tzmigrate.step x SET picture_after = after WHERE x.id = s.id;
END
$tz$;

-- what differs now from what the conversions left behind; of a thing that several of them touched the last one tells
CREATE OR REPLACE FUNCTION tzmigrate.picture_since() RETURNS TABLE (thing text, property text, was text, now text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        WITH last AS (
            SELECT DISTINCT ON (s.step) s.* FROM tzmigrate.step s WHERE s.done_at IS NOT NULL AND s.picture_after IS NOT NULL ORDER BY s.step, s.id DESC
        ), told AS (
            SELECT DISTINCT ON (j.key) j.key, j.value FROM tzmigrate.step s CROSS JOIN LATERAL jsonb_each(s.picture_after) AS j WHERE s.done_at IS NOT NULL ORDER BY j.key, s.id DESC
        ), expected AS (
            SELECT jsonb_object_agg(t.key, t.value) AS picture FROM told t
            WHERE t.key IN (SELECT j.key FROM last l CROSS JOIN LATERAL jsonb_each(l.picture_after) AS j WHERE l.direction = 'up')
        ), found AS (
            SELECT tzmigrate.picture(array_agg(DISTINCT to_regclass(concat(quote_ident(x.relation_schema), '.', quote_ident(x.relation_name))))
                FILTER (WHERE to_regclass(concat(quote_ident(x.relation_schema), '.', quote_ident(x.relation_name))) IS NOT NULL)) AS picture
            FROM last l JOIN tzmigrate.step x ON x.step = l.step AND x.id >= l.id WHERE l.direction = 'up' AND x.done_at IS NOT NULL
        )
        SELECT d.thing, d.property, d.was, d.now FROM expected e, found f, tzmigrate.picture_differences(e.picture, f.picture) AS d WHERE e.picture IS NOT NULL;
END
$tz$;
