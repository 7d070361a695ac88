-- trial: on the shadow alone, where the tables are empty and nobody else is there, the runs after a group's first one leave out
-- what they cannot show: rows, and a picture on either side. Instead the picture after the way down is compared with that before the first way up.
CREATE TABLE tzmigrate.trial (step text PRIMARY KEY, picture jsonb NOT NULL);

ALTER FUNCTION tzmigrate.check_leaning() RENAME TO whole_check_leaning;
ALTER FUNCTION tzmigrate.draw_sample(regclass, integer) RENAME TO whole_draw_sample;
ALTER FUNCTION tzmigrate.sampled(bigint, regclass, boolean) RENAME TO whole_sampled;
ALTER FUNCTION tzmigrate.step_picture() RENAME TO whole_step_picture;
ALTER FUNCTION tzmigrate.compare_picture(tzmigrate.step) RENAME TO whole_compare_picture;

-- whether this is a run after the first one
CREATE OR REPLACE FUNCTION tzmigrate.again() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
    SELECT coalesce(current_setting('tzmigrate.again', true), '') = 'yes'
$tz$;

-- once instead of twice: what stood there before the locks stands there under them
CREATE OR REPLACE FUNCTION tzmigrate.check_leaning() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    s tzmigrate.step = tzmigrate.open_step();
BEGIN
    -- choose_sample sets checked_since after its look
    IF NOT tzmigrate.again() OR s.checked_since IS NOT NULL THEN
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

CREATE OR REPLACE FUNCTION tzmigrate.step_picture() RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
BEGIN
    RETURN CASE WHEN NOT tzmigrate.again() THEN tzmigrate.whole_step_picture() END;
END
$tz$;

CREATE OR REPLACE FUNCTION tzmigrate.compare_picture(s tzmigrate.step) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    after jsonb;
    differs text;
BEGIN
    IF NOT tzmigrate.again() THEN
        PERFORM tzmigrate.whole_compare_picture(s);
        INSERT INTO tzmigrate.trial (step, picture) VALUES (s.step, s.picture_before) ON CONFLICT (step) DO UPDATE SET picture = excluded.picture;
    ELSIF s.direction = 'down' THEN
        after = tzmigrate.whole_step_picture();
        -- what was made anew may be printed in other words; what it is must be the same
        SELECT string_agg(concat(x.thing, CASE WHEN x.property <> '' THEN concat(' (', x.property, ' was ', coalesce(x.was, 'nothing'), ', is ', coalesce(x.now, 'nothing'), ')')
                                               WHEN x.was IS NULL THEN ' (appeared)' ELSE ' (vanished)' END), '; ' ORDER BY x.thing, x.property) INTO differs
        FROM tzmigrate.trial t, tzmigrate.picture_differences(t.picture, after) AS x
        WHERE t.step = s.step AND (x.property IN ('', 'type') OR x.was IS NULL OR x.now IS NULL
            OR NOT EXISTS (SELECT FROM tzmigrate.announced(after) AS a WHERE a.thing = x.thing AND x.property = ANY (a.properties)));
        IF differs IS NOT NULL THEN
            PERFORM tzmigrate.refuse('TZ405', concat('step ', quote_literal(s.step), ' does not come back to what was there before it'), differs, '');
        END IF;
    END IF;
END
$tz$;
