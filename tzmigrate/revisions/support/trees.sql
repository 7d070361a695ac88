-- trees: what a partition or child has otherwise than its parent

-- declare a default of a partition or child that is not that of its parent
CREATE OR REPLACE FUNCTION tzmigrate.plan_default(relation text, column_name name, default_before text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
DECLARE
    s tzmigrate.step = tzmigrate.open_step();
    t regclass = to_regclass(plan_default.relation);
BEGIN
    IF t IS NULL THEN
        RAISE NOTICE USING MESSAGE = concat('tzmigrate: table ', plan_default.relation, ' does not exist here; passed over');
    END IF;
    INSERT INTO tzmigrate.step_default (step_id, relation, column_name, present, default_before)
    VALUES (s.id, plan_default.relation, plan_default.column_name, t IS NOT NULL, plan_default.default_before);
END
$tz$;

-- it is what the plan read, or what the way up left behind
CREATE OR REPLACE FUNCTION tzmigrate.check_default(d tzmigrate.step_default) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    s tzmigrate.step = tzmigrate.open_step();
    t regclass = to_regclass(d.relation);
    label text = concat(d.relation, '.', quote_ident(d.column_name));
    now_type text;
    now_default text = tzmigrate.default_text(t, d.column_name);
    expected text = d.default_before;
BEGIN
    SELECT tzmigrate.type_label(a.atttypid, a.atttypmod) INTO now_type FROM pg_attribute a WHERE a.attrelid = t AND a.attname = d.column_name AND NOT a.attisdropped;
    IF now_type IS NULL THEN
        PERFORM tzmigrate.refuse('TZ341', concat('column ', label, ' does not exist'), '', tzmigrate.plan_again(s.direction));
    END IF;
    IF s.direction = 'down' THEN
        SELECT y.default_after INTO expected FROM tzmigrate.step x JOIN tzmigrate.step_default y ON y.step_id = x.id
        WHERE x.step = s.step AND x.direction = 'up' AND x.done_at IS NOT NULL AND y.relation = d.relation AND y.column_name = d.column_name ORDER BY x.id DESC LIMIT 1;
    ELSIF expected IS NOT NULL AND s.server_major <> current_setting('server_version_num')::integer / 10000 THEN
        -- another major version may print the same default in other words
        expected = tzmigrate.printed_default(now_type, expected, t, d.column_name);
    END IF;
    IF now_default IS DISTINCT FROM expected THEN
        PERFORM tzmigrate.refuse('TZ345', concat('stale plan: the default of column ', label, ' is ', coalesce(now_default, 'not set'), ', expected was ', coalesce(expected, 'none')),
            'Somebody changed it since.', concat('Set the default back. Else: ', tzmigrate.plan_again(s.direction)));
    END IF;
END
$tz$;

-- whether the own default of a partition or child is to be converted
CREATE OR REPLACE FUNCTION tzmigrate.took_default(relation text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
BEGIN
    RETURN EXISTS (SELECT FROM tzmigrate.open_step() AS s JOIN tzmigrate.step_default d ON d.step_id = s.id WHERE NOT s.passed_over AND d.present AND d.relation = took_default.relation);
END
$tz$;

-- all of them, looked at again
CREATE OR REPLACE FUNCTION tzmigrate.check_defaults() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    d tzmigrate.step_default;
BEGIN
    FOR d IN SELECT x.* FROM tzmigrate.open_step() AS s JOIN tzmigrate.step_default x ON x.step_id = s.id WHERE x.present ORDER BY x.relation, x.column_name LOOP
        PERFORM tzmigrate.check_default(d);
    END LOOP;
END
$tz$;
