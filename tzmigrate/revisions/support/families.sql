-- families: time in arrays, ranges, domains and row types; SQL text that looks at every moment in a value

-- the stored integer, microseconds since 2000-01-01; infinity is the end of bigint
CREATE OR REPLACE FUNCTION tzmigrate.microseconds(value timestamp) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $tz$
    SELECT ('x' OPERATOR(pg_catalog.||) pg_catalog.encode(pg_catalog.timestamp_send(value), 'hex'))::pg_catalog.bit(64)::pg_catalog.int8
$tz$;

CREATE OR REPLACE FUNCTION tzmigrate.microseconds(value timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $tz$
    SELECT ('x' OPERATOR(pg_catalog.||) pg_catalog.encode(pg_catalog.timestamptz_send(value), 'hex'))::pg_catalog.bit(64)::pg_catalog.int8
$tz$;

-- what a domain stands for, at its end; another type is itself
CREATE OR REPLACE FUNCTION tzmigrate.base_type(type oid) RETURNS oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
    WITH RECURSIVE beneath (type, base) AS (
        SELECT t.oid, t.typbasetype FROM pg_type t WHERE t.oid = base_type.type
        UNION ALL SELECT t.oid, t.typbasetype FROM beneath b JOIN pg_type t ON t.oid = b.base
    )
    SELECT b.type FROM beneath b WHERE b.base = 0
$tz$;

-- whether a value of a type can hold a value of another one, as element, bound or attribute
CREATE OR REPLACE FUNCTION tzmigrate.holds(type oid, wanted regtype) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
    WITH RECURSIVE part (type) AS (
        SELECT holds.type
        UNION
        SELECT x.type FROM part p JOIN pg_type t ON t.oid = p.type CROSS JOIN LATERAL (
            SELECT t.typelem UNION ALL SELECT t.typbasetype UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE r.rngtypid = t.oid
            UNION ALL SELECT r.rngtypid FROM pg_range r WHERE t.typtype = 'm' AND (to_jsonb(r) ->> 'rngmultitypid')::oid = t.oid
            UNION ALL SELECT a.atttypid FROM pg_attribute a WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
        ) AS x (type) WHERE x.type <> 0
    )
    SELECT EXISTS (SELECT FROM part p WHERE p.type = wanted)
$tz$;

-- how ledger and messages name a column's type; a domain or row type keeps its name, so it is said whether its time is naive
CREATE OR REPLACE FUNCTION tzmigrate.type_label(type oid, modifier integer) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT concat(format_type(t.oid, modifier), CASE WHEN coalesce(e.typtype, t.typtype) IN ('d', 'c') THEN
            CASE WHEN tzmigrate.holds(t.oid, 'timestamp') THEN ' without time zone' WHEN tzmigrate.holds(t.oid, 'timestamptz') THEN ' with time zone' END END)
        FROM pg_type t LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typlen = -1 WHERE t.oid = type_label.type);
END
$tz$;

-- SQL text of a moment as wall clock or instant, by the zone's name; wall clocks in the precision that the naive type has
CREATE OR REPLACE FUNCTION tzmigrate.moment_text(type oid, value text, zone text, wanted text, digits text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
    SELECT CASE WHEN wanted = 'wall' AND digits IS NOT NULL THEN concat('(', m.text, ')::timestamp(', digits, ')') ELSE m.text END
    FROM (SELECT CASE WHEN (wanted = 'wall') = (type = 'timestamp'::regtype) THEN value
                      ELSE concat('(', value, ' AT TIME ZONE ', quote_literal(zone), ')') END) AS m (text)
$tz$;

-- SQL text that prints a value, alike before and after the conversion: its moments as microseconds, its shape, all else as it is
CREATE OR REPLACE FUNCTION tzmigrate.value_text(type oid, value text, zone text, wanted text, digits text, depth integer) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    t pg_type;
    u text = concat('tz_', depth);
    inner_type oid;
    text_of text;
BEGIN
    SELECT * INTO t FROM pg_type x WHERE x.oid = value_text.type;
    IF t.oid IN ('timestamp'::regtype, 'timestamptz'::regtype) THEN
        RETURN concat('tzmigrate.microseconds(', tzmigrate.moment_text(t.oid, value, zone, wanted, digits), ')::text');
    ELSIF NOT tzmigrate.holds(t.oid, 'timestamp') AND NOT tzmigrate.holds(t.oid, 'timestamptz') THEN
        -- never a cast of somebody else's type; concat asks its output function, which is built in
        RETURN concat('CASE WHEN ', value, ' IS DISTINCT FROM NULL THEN quote_literal(concat(', value, ')) END');
    ELSIF t.typtype = 'd' THEN
        -- at once: a cast to a domain would call the functions of its CHECKs
        RETURN tzmigrate.value_text(tzmigrate.base_type(t.oid), concat('(', value, ')::', format_type(tzmigrate.base_type(t.oid), NULL)), zone, wanted, digits, depth);
    ELSIF t.typtype = 'c' THEN
        SELECT string_agg(coalesce(tzmigrate.value_text(a.atttypid, concat('(', value, ').', quote_ident(a.attname)), zone, wanted, digits, depth), ''''''), ', '', '', ' ORDER BY a.attnum) INTO text_of
        FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped;
        text_of = concat('''('', ', text_of, ', '')''');
    ELSIF t.typtype = 'r' THEN
        SELECT r.rngsubtype INTO inner_type FROM pg_range r WHERE r.rngtypid = t.oid;
        text_of = concat('CASE WHEN isempty(', value, ') THEN ''empty'' ELSE concat(CASE WHEN lower_inc(', value, ') THEN ''['' ELSE ''('' END, ',
            tzmigrate.value_text(inner_type, concat('lower(', value, ')'), zone, wanted, digits, depth), ', '','', ',
            tzmigrate.value_text(inner_type, concat('upper(', value, ')'), zone, wanted, digits, depth), ', CASE WHEN upper_inc(', value, ') THEN '']'' ELSE '')'' END) END');
    ELSE
        IF t.typtype = 'm' THEN
            SELECT r.rngtypid INTO inner_type FROM pg_range r WHERE (to_jsonb(r) ->> 'rngmultitypid')::oid = t.oid;
            text_of = concat('(SELECT unnest(', value, ') AS v) AS ', u);
        ELSE
            inner_type = t.typelem;
            -- in the list of a SELECT a row type stays one column
            text_of = concat('(SELECT unnest(', value, ') AS v, generate_series(1, cardinality(', value, ')) AS o) AS ', u);
        END IF;
        text_of = concat(CASE WHEN t.typtype <> 'm' THEN concat('array_dims(', value, '), ') END, '''{'', (SELECT string_agg(coalesce(',
            tzmigrate.value_text(inner_type, concat(u, '.v'), zone, wanted, digits, depth + 1), ', ''NULL''), '','' ORDER BY ', u, CASE t.typtype WHEN 'm' THEN '.v' ELSE '.o' END,
            ') FROM ', text_of, '), ''}''');
    END IF;
    RETURN concat('CASE WHEN ', value, ' IS DISTINCT FROM NULL THEN concat(', text_of, ') END');
END
$tz$;

-- SQL text of a query for the moments of one type in a value, each as one row
CREATE OR REPLACE FUNCTION tzmigrate.moments(type oid, value text, wanted regtype, depth integer) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    t pg_type;
    u text = concat('tz_', depth);
    queries text;
BEGIN
    SELECT * INTO t FROM pg_type x WHERE x.oid = moments.type;
    IF t.oid = wanted THEN
        RETURN concat('SELECT ', value);
    ELSIF NOT tzmigrate.holds(t.oid, wanted) THEN
        RETURN NULL;
    ELSIF t.typtype = 'd' THEN
        RETURN tzmigrate.moments(tzmigrate.base_type(t.oid), concat('(', value, ')::', format_type(tzmigrate.base_type(t.oid), NULL)), wanted, depth);
    ELSIF t.typtype = 'c' THEN
        SELECT string_agg(tzmigrate.moments(a.atttypid, concat('(', value, ').', quote_ident(a.attname)), wanted, depth), ' UNION ALL ' ORDER BY a.attnum) INTO queries
        FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped;
        RETURN queries;
    ELSIF t.typtype = 'r' THEN
        SELECT concat(tzmigrate.moments(r.rngsubtype, concat('lower(', value, ')'), wanted, depth), ' UNION ALL ', tzmigrate.moments(r.rngsubtype, concat('upper(', value, ')'), wanted, depth))
        INTO queries FROM pg_range r WHERE r.rngtypid = t.oid;
        RETURN queries;
    END IF;
    RETURN concat('SELECT ', u, '_m.v FROM (SELECT unnest(', value, ') AS v) AS ', u, ', LATERAL (',
        tzmigrate.moments(coalesce((SELECT r.rngtypid FROM pg_range r WHERE t.typtype = 'm' AND (to_jsonb(r) ->> 'rngmultitypid')::oid = t.oid), t.typelem), concat(u, '.v'), wanted, depth + 1),
        ') AS ', u, '_m (v)');
END
$tz$;

-- SQL text of a range with its bounds in the other type; NULL, empty and unbounded ranges as they are (postgres-facts.md section 10)
CREATE OR REPLACE FUNCTION tzmigrate.range_text(value text, zone text, wanted text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $tz$
    SELECT concat('CASE WHEN (', value, ') IS NULL THEN NULL WHEN isempty(', value, ') THEN ''empty''::', wanted, ' ELSE ', wanted,
        '(lower(', value, ') AT TIME ZONE ', quote_literal(zone), ', upper(', value, ') AT TIME ZONE ', quote_literal(zone),
        ', concat(CASE WHEN lower_inc(', value, ') THEN ''['' ELSE ''('' END, CASE WHEN upper_inc(', value, ') THEN '']'' ELSE '')'' END)) END')
$tz$;

-- the type of a step's column as it stands now
CREATE OR REPLACE FUNCTION tzmigrate.type_now(c tzmigrate.step_column) RETURNS oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
    SELECT a.atttypid FROM pg_attribute a
    WHERE a.attrelid = concat(quote_ident(c.relation_schema), '.', quote_ident(c.relation_name))::regclass AND a.attname = c.column_name AND NOT a.attisdropped
$tz$;

-- whether a value of it is one moment, so that the difference of two is an offset
CREATE OR REPLACE FUNCTION tzmigrate.one_moment(c tzmigrate.step_column) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
    SELECT tzmigrate.base_type(tzmigrate.type_now(c)) IN ('timestamp'::regtype, 'timestamptz'::regtype)
$tz$;

-- the precision of the naive type, where it has one
CREATE OR REPLACE FUNCTION tzmigrate.digits(c tzmigrate.step_column) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $tz$
    SELECT coalesce(substring(c.type_before FROM '^timestamp[(]([0-9])[)] without'), substring(c.type_after FROM '^timestamp[(]([0-9])[)] without'))
$tz$;

-- SQL text of a column as it stands now, naive or zoned, as wall clock or as instant; of one moment only
CREATE OR REPLACE FUNCTION tzmigrate.expression(c tzmigrate.step_column, zoned boolean, wanted text, session_zone text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
    SELECT CASE
        -- the cast under the pinned zone is the same function, three times as fast (postgres-facts.md section 9)
        WHEN (wanted = 'instant') <> zoned AND c.zone = session_zone THEN concat('t.', quote_ident(c.column_name),
            CASE wanted WHEN 'wall' THEN concat('::timestamp', '(' || tzmigrate.digits(c) || ')') ELSE '::timestamptz' END)
        ELSE tzmigrate.moment_text(CASE WHEN zoned THEN 'timestamptz'::regtype ELSE 'timestamp'::regtype END,
            concat('t.', quote_ident(c.column_name)), c.zone, wanted, CASE WHEN zoned THEN tzmigrate.digits(c) END)
    END
$tz$;

-- SQL text of the number that is recorded and compared for a value: the microseconds of a moment; of other values a hash of all moments and their order
CREATE OR REPLACE FUNCTION tzmigrate.number(c tzmigrate.step_column, zoned boolean, wanted text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
    -- by the zone's name in every row, not by the session's zone, which the conversion relied on
    SELECT CASE WHEN tzmigrate.one_moment(c) THEN concat('tzmigrate.microseconds(', tzmigrate.expression(c, zoned, wanted, ''), ')')
        ELSE concat('hashtextextended(', tzmigrate.value_text(tzmigrate.type_now(c), concat('t.', quote_ident(c.column_name)), c.zone, wanted, tzmigrate.digits(c), 1), ', 0)') END
$tz$;

-- SQL text that tells whether there is a moment in a value which a shift would move
CREATE OR REPLACE FUNCTION tzmigrate.is_finite(c tzmigrate.step_column, zoned boolean) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
    SELECT CASE WHEN tzmigrate.one_moment(c) THEN concat('isfinite(t.', quote_ident(c.column_name), ')')
        ELSE concat('EXISTS (SELECT FROM (', tzmigrate.moments(tzmigrate.type_now(c), concat('t.', quote_ident(c.column_name)),
            CASE WHEN zoned THEN 'timestamptz'::regtype ELSE 'timestamp'::regtype END, 1), ') AS tz_moment (v) WHERE isfinite(tz_moment.v))') END
$tz$;

-- SQL text that binds a value to its row: the same before and after the conversion, as instant or as wall clock
CREATE OR REPLACE FUNCTION tzmigrate.digest(c tzmigrate.step_column, zoned boolean, wanted text, session_zone text, seed text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
    SELECT CASE WHEN tzmigrate.one_moment(c) THEN concat('timestamp_hash_extended(', tzmigrate.expression(c, zoned, wanted, session_zone),
            CASE wanted WHEN 'instant' THEN ' AT TIME ZONE INTERVAL ''0''' END, ', ', seed, ')')
        ELSE concat('hashtextextended(', tzmigrate.value_text(tzmigrate.type_now(c), concat('t.', quote_ident(c.column_name)), c.zone, wanted, tzmigrate.digits(c), 1), ', ', seed, ')') END
$tz$;
