-- conversion: lock, convert or pass over, prove

-- lock the table, look again, and read the baseline under the lock
CREATE OR REPLACE FUNCTION tzmigrate.take_table(relation text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
DECLARE
    s tzmigrate.step = tzmigrate.open_step();
    t regclass = relation::regclass;
    c tzmigrate.step_column;
    f record;
    announced name[];
    unbuilt text;
BEGIN
    EXECUTE concat('LOCK TABLE ', t, ' IN ACCESS EXCLUSIVE MODE');
    UPDATE tzmigrate.step x SET passed_over = false WHERE x.id = s.id;
    FOR c IN SELECT * FROM tzmigrate.step_column x WHERE x.step_id = s.id ORDER BY x.position LOOP
        PERFORM tzmigrate.check_column(s.id, c.column_name);
    END LOOP;
    s = tzmigrate.open_step();
    IF current_setting('TimeZone') <> s.session_zone THEN
        PERFORM tzmigrate.refuse('TZ643', concat('the session zone is ', current_setting('TimeZone'), ', the step pinned ', s.session_zone), '',
            'Run the revision as it was written, in one transaction.');
    END IF;
    IF s.passed_over THEN
        IF EXISTS (SELECT FROM tzmigrate.step_column x JOIN pg_attribute a ON a.attrelid = t AND a.attname = x.column_name
                   WHERE x.step_id = s.id AND format_type(a.atttypid, a.atttypmod) <> x.type_after) THEN
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
    UPDATE tzmigrate.step x SET picture_before = tzmigrate.picture(t, announced) WHERE x.id = s.id;
    IF s.forced_row_security THEN
        EXECUTE concat('ALTER TABLE ', t, ' NO FORCE ROW LEVEL SECURITY');
        PERFORM tzmigrate.check_clock_changes(t, '');
        PERFORM tzmigrate.draw_sample(t, current_setting('tzmigrate.rows')::integer);
    ELSIF s.rewrite THEN
        PERFORM tzmigrate.check_clock_changes(t, current_setting('tzmigrate.checked_since'));
    END IF;
    UPDATE tzmigrate.step x SET file_nodes_before = tzmigrate.file_nodes(t) WHERE x.id = s.id;
    PERFORM set_config('tzmigrate.rows_written', tzmigrate.rows_written(t)::text, true);
    IF s.proof = 'full' THEN
        f = tzmigrate.fingerprint(s.id, t, s.direction = 'down');
        UPDATE tzmigrate.step x SET rows_total = f.rows WHERE x.id = s.id;
        UPDATE tzmigrate.step_column x SET values_before = f.counts[x.position], fingerprint_before = f.sums[x.position] WHERE x.step_id = s.id;
    END IF;
    IF s.key IS NOT NULL THEN
        UPDATE tzmigrate.sample x SET wall = v.wall, instant = v.instant
        FROM tzmigrate.sampled(s.id, t, s.direction = 'down') AS v WHERE x.step_id = s.id AND x.key = v.key;
        -- rows that went away between the choice and the lock
        DELETE FROM tzmigrate.sample x WHERE x.step_id = s.id AND x.wall IS NULL;
    END IF;
END
$tz$;

-- whether the ALTER is still to be done; a step that is passed over changes nothing
CREATE OR REPLACE FUNCTION tzmigrate.must_convert() RETURNS boolean
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $tz$
    SELECT NOT (tzmigrate.open_step()).passed_over
$tz$;

-- after the ALTER: nothing moved, nothing else changed; then the ledger, and the session's settings as they were
CREATE OR REPLACE FUNCTION tzmigrate.prove_step(relation text) RETURNS void LANGUAGE plpgsql AS $tz$
#variable_conflict use_column
DECLARE
    s tzmigrate.step = tzmigrate.open_step();
    t regclass = relation::pg_catalog.regclass;
    c tzmigrate.step_column;
    f record;
    moved record;
    up boolean;
    rewritten boolean;
    announced name[];
    differs text;
    names text;
    setting record;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    up = s.direction = 'up';
    IF s.passed_over THEN
        DELETE FROM tzmigrate.step x WHERE x.id = s.id;
    ELSE
        SELECT array_agg(x.column_name), string_agg(quote_ident(x.column_name), ', ' ORDER BY x.position) INTO announced, names
        FROM tzmigrate.step_column x WHERE x.step_id = s.id;
        SELECT string_agg(concat(quote_ident(x.column_name), ' is ', format_type(a.atttypid, a.atttypmod)), ', ') INTO differs
        FROM tzmigrate.step_column x JOIN pg_attribute a ON a.attrelid = t AND a.attname = x.column_name AND NOT a.attisdropped
        WHERE x.step_id = s.id AND format_type(a.atttypid, a.atttypmod) <> x.type_after;
        IF differs IS NOT NULL THEN
            PERFORM tzmigrate.refuse('TZ403', concat('a column of ', t, ' did not get its planned type'), differs, 'Run the revision as it was written.');
        END IF;
        rewritten = tzmigrate.file_nodes(t) IS DISTINCT FROM s.file_nodes_before;
        -- the sample: every recorded row, to the microsecond
        SELECT x.column_name, count(*) AS compared, count(*) FILTER (WHERE d.found IS NULL) AS missing,
            count(*) FILTER (WHERE d.found AND d.was IS DISTINCT FROM d.now) AS shifted,
            mode() WITHIN GROUP (ORDER BY d.now - d.was) FILTER (
                WHERE d.was <> d.now AND abs(d.was) < 9223372036854775807 AND abs(d.now) < 9223372036854775807 AND abs(d.now - d.was) < 9200000000000000000) AS microseconds
        INTO moved
        FROM tzmigrate.step_column x,
            (SELECT v.*, p.wall AS old_wall, p.instant AS old_instant
             FROM tzmigrate.sample p LEFT JOIN tzmigrate.sampled(s.id, t, up) AS v ON v.key = p.key WHERE p.step_id = s.id) AS r,
            LATERAL (SELECT CASE WHEN r.key IS NOT NULL THEN true END AS found,
                (CASE WHEN up THEN r.old_instant[x.position] ELSE r.old_wall[x.position] END)::numeric AS was,
                (CASE WHEN up THEN r.instant[x.position] ELSE r.wall[x.position] END)::numeric AS now) AS d
        WHERE x.step_id = s.id AND s.key IS NOT NULL AND NOT (rewritten AND s.key = ARRAY['tableoid', 'ctid'])
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
            PERFORM tzmigrate.refuse('TZ401', concat('column ', t, '.', quote_ident(moved.column_name), ' was shifted by ',
                coalesce((moved.microseconds * INTERVAL '1 microsecond')::text, 'an unknown offset'), ' in ', moved.shifted, ' of ', moved.compared, ' compared rows'),
                concat(moved.missing, ' recorded rows were not found again. The transaction is rolled back and nothing has changed.'),
                'Run the revision as it was written by tzmigrate plan; if it was, report this with the table definition.');
        END IF;
        IF rewritten AND NOT s.rewrite THEN
            PERFORM tzmigrate.refuse('TZ404', concat('table ', t, ' was rewritten, which the plan did not announce'),
                concat('Its columns ', names, ' were to be converted in the catalog alone. The transaction is rolled back.'),
                'Write the plan again; if it happens again, report it with the table definition.');
        END IF;
        IF tzmigrate.rows_written(t) <> current_setting('tzmigrate.rows_written')::bigint THEN
            PERFORM tzmigrate.refuse('TZ406', concat('rows of table ', t, ' were written while its columns were converted'),
                'The conversion itself writes none. The transaction is rolled back and nothing has changed.',
                'Run the revision as it was written by tzmigrate plan.');
        END IF;
        -- the whole column, where the plan asks for it
        IF s.proof = 'full' THEN
            f = tzmigrate.fingerprint(s.id, t, up);
            FOR c IN SELECT * FROM tzmigrate.step_column x WHERE x.step_id = s.id ORDER BY x.position LOOP
                IF f.rows <> s.rows_total OR f.counts[c.position] <> c.values_before OR f.sums[c.position] IS DISTINCT FROM c.fingerprint_before THEN
                    PERFORM tzmigrate.refuse('TZ402', concat('column ', t, '.', quote_ident(c.column_name), ' does not hold the instants that it held before'),
                        concat('Rows ', s.rows_total, ' before and ', f.rows, ' after, values ', c.values_before, ' and ', f.counts[c.position], ', fingerprints ', c.fingerprint_before, ' and ', f.sums[c.position], '. The transaction is rolled back and nothing has changed.'),
                        'Run the revision as it was written by tzmigrate plan; if it was, report this with the table definition.');
                END IF;
            END LOOP;
        END IF;
        IF s.forced_row_security THEN
            EXECUTE concat('ALTER TABLE ', t, ' FORCE ROW LEVEL SECURITY');
        END IF;
        SELECT string_agg(coalesce(b.key, a.key), ', ' ORDER BY coalesce(b.key, a.key)) INTO differs
        FROM jsonb_each(s.picture_before) AS b FULL JOIN jsonb_each(tzmigrate.picture(t, announced)) AS a ON a.key = b.key
        WHERE a.value IS DISTINCT FROM b.value;
        IF differs IS NOT NULL THEN
            PERFORM tzmigrate.refuse('TZ405', concat('something of table ', t, ' changed that the plan did not announce'), differs,
                'The transaction is rolled back. Write the plan again; if it happens again, report it with the table definition.');
        END IF;
        IF s.key IS NULL THEN
            -- without a key rows are known by their place, and a rewrite gave them new ones: taken now, after the whole column was compared
            UPDATE tzmigrate.step x SET key = ARRAY['tableoid', 'ctid'] WHERE x.id = s.id;
            PERFORM tzmigrate.draw_sample(t, current_setting('tzmigrate.rows')::integer);
            UPDATE tzmigrate.sample x SET wall = v.wall, instant = v.instant FROM tzmigrate.sampled(s.id, t, up) AS v WHERE x.step_id = s.id AND x.key = v.key;
        END IF;
        IF s.masked THEN
            -- a role that may not see the rows may one day see the ledger
            UPDATE tzmigrate.sample x SET
                wall = (SELECT array_agg(hashint8extended(w, s.id) ORDER BY o) FROM unnest(x.wall) WITH ORDINALITY AS u (w, o)),
                instant = (SELECT array_agg(hashint8extended(i, s.id) ORDER BY o) FROM unnest(x.instant) WITH ORDINALITY AS u (i, o))
            WHERE x.step_id = s.id;
        END IF;
        UPDATE tzmigrate.step_column x SET default_after = tzmigrate.default_text(t, x.column_name) WHERE x.step_id = s.id;
        UPDATE tzmigrate.step x SET done_at = clock_timestamp(), picture_before = NULL, file_nodes_after = tzmigrate.file_nodes(t),
            horizon = pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
            transaction_ids = ARRAY[pg_current_xact_id()::text::bigint, (SELECT tzmigrate.full_xid(k.xmin) FROM pg_class k WHERE k.oid = t)]
        WHERE x.id = s.id;
        -- the values recorded by earlier runs of this step say nothing of what stands there now
        DELETE FROM tzmigrate.sample x USING tzmigrate.step y WHERE x.step_id = y.id AND y.step = s.step AND y.id < s.id;
        RAISE NOTICE USING MESSAGE = concat('tzmigrate: ', t, ' proved; next ANALYZE ', t, ' (', names, ')');
    END IF;
    PERFORM set_config('tzmigrate.marker', '', true), set_config('tzmigrate.step', '', true);
    FOR setting IN SELECT key AS name, value FROM jsonb_each_text(current_setting('tzmigrate.saved')::jsonb) AS j WHERE key <> 'search_path' LOOP
        PERFORM set_config(setting.name, setting.value, true);
    END LOOP;
    PERFORM pg_catalog.set_config('search_path', current_setting('tzmigrate.saved')::jsonb ->> 'search_path', true);
END
$tz$;
