-- values: what a column holds, as numbers that can be recorded and compared

-- the leaf relations that hold the rows
CREATE OR REPLACE FUNCTION tzmigrate.leaves(root regclass) RETURNS SETOF regclass
LANGUAGE plpgsql STABLE ROWS 4 SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        WITH RECURSIVE tree (relation) AS (
            -- a child of two parents stands once in it
            SELECT root::oid UNION SELECT i.inhrelid FROM pg_inherits i JOIN tree ON tree.relation = i.inhparent
        )
        SELECT c.oid::regclass FROM tree JOIN pg_class c ON c.oid = tree.relation WHERE c.relkind = 'r' ORDER BY c.oid;
END
$tz$;

CREATE OR REPLACE FUNCTION tzmigrate.file_nodes(root regclass) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT string_agg(concat(l::oid, '=', pg_relation_filenode(l)), ',' ORDER BY l::oid) FROM tzmigrate.leaves(root) AS l);
END
$tz$;

-- rows that this transaction wrote so far; ALTER counts its own on a file that goes away
CREATE OR REPLACE FUNCTION tzmigrate.rows_written(root regclass) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT coalesce(sum(pg_stat_get_xact_tuples_inserted(l) + pg_stat_get_xact_tuples_updated(l) + pg_stat_get_xact_tuples_deleted(l)), 0)::bigint
        FROM tzmigrate.leaves(root) AS l);
END
$tz$;

-- the built-in or enum type beneath a key's column; NULL for others, as their input and casts may be functions of somebody else
CREATE OR REPLACE FUNCTION tzmigrate.key_type(root regclass, name name) RETURNS regtype
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
BEGIN
    RETURN (
        WITH RECURSIVE beneath (type) AS (
            SELECT a.atttypid FROM pg_attribute a WHERE a.attrelid = root AND a.attname = name AND NOT a.attisdropped
            UNION ALL SELECT t.typbasetype FROM beneath b JOIN pg_type t ON t.oid = b.type WHERE t.typtype = 'd'
        )
        SELECT t.oid::regtype FROM beneath b JOIN pg_type t ON t.oid = b.type
        WHERE t.typtype = 'e' OR t.typtype <> 'd' AND t.typnamespace = 'pg_catalog'::regnamespace);
END
$tz$;

-- which columns a key has, of which types, with which labels: other ones make other texts and hashes of the same rows
CREATE OR REPLACE FUNCTION tzmigrate.key_identity(root regclass, key text[]) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT string_agg(concat_ws(',', a.attnum, a.atttypid, (SELECT md5(convert_to(string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder), 'UTF8')) FROM pg_enum e
            WHERE e.enumtypid = tzmigrate.key_type(root, k.name))), ' ' ORDER BY k.ordinality)
        FROM unnest(key) WITH ORDINALITY AS k (name, ordinality) JOIN pg_attribute a ON a.attrelid = root AND a.attname = k.name AND a.attnum > 0);
END
$tz$;

-- SQL text that gives a row's key as text[], the same text before and after the conversion
CREATE OR REPLACE FUNCTION tzmigrate.key_text(open_id bigint, root regclass, zoned boolean) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT concat('ARRAY[', string_agg(
            CASE WHEN c.step_id IS NULL AND a.attnum > 0 AND a.atttypid <> tzmigrate.key_type(root, k.name) OR y.typtype = 'e'
                 -- never a cast of somebody else's type; concat asks its output function, which is built in
                 THEN concat('concat(t.', quote_ident(k.name), ')')
                 WHEN c.step_id IS NULL OR NOT zoned THEN concat('t.', quote_ident(k.name), '::text')
                 WHEN NOT tzmigrate.one_moment(c) THEN concat('concat(', tzmigrate.range_text(concat('t.', quote_ident(k.name)), c.zone, 'tsrange'), ')')
                 ELSE concat('(t.', quote_ident(k.name), ' AT TIME ZONE ', quote_literal(c.zone), ')::text') END, ', ' ORDER BY k.ordinality), ']')
        FROM tzmigrate.step s, unnest(s.key) WITH ORDINALITY AS k (name, ordinality)
        JOIN pg_attribute a ON a.attrelid = root AND a.attname = k.name AND NOT a.attisdropped
        JOIN pg_type y ON y.oid = a.atttypid
        LEFT JOIN tzmigrate.step_column c ON c.step_id = open_id AND c.column_name = k.name
        WHERE s.id = open_id);
END
$tz$;

-- SQL text of the condition that finds the row of a recorded key (p.key) again, by its index
CREATE OR REPLACE FUNCTION tzmigrate.key_match(open_id bigint, root regclass, zoned boolean) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
BEGIN
    RETURN (
        -- by all of its columns or not at all
        SELECT CASE WHEN count(*) = max(cardinality(s.key)) THEN string_agg(
            CASE WHEN c.step_id IS NOT NULL AND NOT tzmigrate.one_moment(c) THEN concat('t.', quote_ident(k.name), ' = ',
                     CASE WHEN zoned THEN tzmigrate.range_text(concat('p.key[', k.ordinality, ']::tsrange'), c.zone, 'tstzrange') ELSE concat('p.key[', k.ordinality, ']::tsrange') END)
                 WHEN c.step_id IS NOT NULL AND zoned THEN concat('t.', quote_ident(k.name), ' = (p.key[', k.ordinality, ']::timestamp AT TIME ZONE ', quote_literal(c.zone), ')')
                 WHEN c.step_id IS NOT NULL THEN concat('t.', quote_ident(k.name), ' = p.key[', k.ordinality, ']::timestamp')
                 -- by text where an implicit cast makes the enum's own operator one of several
                 WHEN y.typtype = 'e' AND EXISTS (SELECT FROM pg_cast x WHERE x.castsource = y.oid AND x.castcontext = 'i') THEN concat('concat(t.', quote_ident(k.name), ') = p.key[', k.ordinality, ']')
                 WHEN y.typtype = 'e' THEN concat('t.', quote_ident(k.name), '::', format_type(y.oid, NULL), ' = (SELECT e FROM unnest(enum_range(NULL::', format_type(y.oid, NULL), ')) AS e WHERE concat(e) = p.key[', k.ordinality, '])')
                 ELSE concat('t.', quote_ident(k.name), ' = p.key[', k.ordinality, ']::', coalesce(format_type(y.oid, -1), 'key_cannot_be_read')) END, ' AND ' ORDER BY k.ordinality) END
        FROM tzmigrate.step s, unnest(s.key) WITH ORDINALITY AS k (name, ordinality)
        JOIN pg_attribute a ON a.attrelid = root AND a.attname = k.name AND NOT a.attisdropped
        LEFT JOIN pg_type y ON y.oid = tzmigrate.key_type(root, k.name)
        LEFT JOIN tzmigrate.step_column c ON c.step_id = open_id AND c.column_name = k.name
        WHERE s.id = open_id);
END
$tz$;

-- stop at wall clocks that the zone skips, has twice, or moves out of the range of the type, before anything is done; on the way down
-- at ranges that have none; under the lock only at rows written since the first look, which had no lock
CREATE OR REPLACE FUNCTION tzmigrate.check_clock_changes(relation regclass, since text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    s tzmigrate.step = tzmigrate.open_part(relation);
    c tzmigrate.step_column;
    skipped bigint;
    doubled bigint;
    beyond bigint;
    keys text;
    zone text;
    column_text text;
    written text;
    looked_at text;
    row_of text;
BEGIN
    IF s.passed_over THEN
        RETURN;
    ELSIF s.direction = 'down' THEN
        PERFORM tzmigrate.check_ranges(relation, since);
        RETURN;
    END IF;
    FOR c IN SELECT * FROM tzmigrate.step_column x
             WHERE x.step_id = s.id AND lower(x.zone) NOT IN ('utc', 'etc/utc', 'gmt', 'etc/gmt') ORDER BY x.position LOOP
        zone = CASE WHEN c.zone = s.session_zone THEN '::timestamp' ELSE concat(' AT TIME ZONE ', quote_literal(c.zone)) END;
        column_text = concat('t.', quote_ident(c.column_name));
        written = CASE WHEN since <> '' THEN concat(' WHERE age(t.xmin) <= age(', quote_literal(since), '::xid)') END;
        -- no clock changed before 1844; the names keep clear of the columns of the table
        looked_at = concat(', LATERAL (SELECT CASE WHEN tz_a.finite AND tz_a.wall >= TIMESTAMP ''1800-01-01'' AND tz_a.wall < TIMESTAMP ''294276-12-29'' THEN ',
            CASE WHEN c.zone = s.session_zone THEN '(tz_a.wall)::timestamptz' ELSE concat('tz_a.wall AT TIME ZONE ', quote_literal(c.zone)) END, ' END) AS tz_b (instant), ',
            'LATERAL (SELECT (tz_b.instant)', zone, ', (tz_b.instant)', zone, ' - (tz_b.instant AT TIME ZONE INTERVAL ''0''), ',
            '(tz_b.instant - INTERVAL ''26 hours'')', zone, ' - ((tz_b.instant - INTERVAL ''26 hours'') AT TIME ZONE INTERVAL ''0'')) AS tz_c (back, after, before), ',
            'LATERAL (SELECT tz_c.back <> tz_a.wall, tz_c.back = tz_a.wall AND tz_c.before > tz_c.after AND (tz_b.instant - (tz_c.before - tz_c.after))', zone, ' = tz_a.wall, ',
            'tz_a.finite AND (tz_a.wall < TIMESTAMP ''4714-11-26 BC'' OR tz_a.wall >= TIMESTAMP ''294276-12-29'')) AS tz_d (gap, overlap, beyond)');
        row_of = CASE WHEN tzmigrate.one_moment(c) THEN concat(' FROM ', relation, ' AS t, LATERAL (SELECT ', column_text, ', isfinite(', column_text, ')', written, ') AS tz_a (wall, finite)', looked_at)
            -- a row counts once, for whichever of its elements, bounds or attributes
            ELSE concat(' FROM ', relation, ' AS t, LATERAL (SELECT bool_or(tz_d.gap), bool_or(tz_d.overlap), bool_or(tz_d.beyond) FROM (SELECT tz_m.v, isfinite(tz_m.v) FROM (',
                tzmigrate.moments(tzmigrate.type_now(c), column_text, 'timestamp', 1), ') AS tz_m (v)', written, ') AS tz_a (wall, finite)', looked_at, ') AS tz_d (gap, overlap, beyond)') END;
        EXECUTE concat('SELECT count(*) FILTER (WHERE tz_d.gap), count(*) FILTER (WHERE tz_d.overlap), count(*) FILTER (WHERE tz_d.beyond)', row_of)
        INTO skipped, doubled, beyond;
        IF beyond > 0 THEN
            keys = tzmigrate.keys_where(relation, column_text, concat(row_of, ' WHERE tz_d.beyond'));
            PERFORM tzmigrate.refuse('TZ349', tzmigrate.rows_that(beyond, relation, c, 'at the ends of what a timestamp can hold'),
                concat(keys, ' Converted from ', c.zone, ', they would be out of range. Nothing was done.'),
                'Set them to infinity or -infinity, or to a date within the range.');
        END IF;
        IF skipped > 0 AND s.gap = 'refuse' THEN
            keys = tzmigrate.keys_where(relation, column_text, concat(row_of, ' WHERE tz_d.gap'));
            PERFORM tzmigrate.refuse('TZ346', tzmigrate.rows_that(skipped, relation, c, concat('in hours that ', c.zone, ' skips')),
                concat(keys, ' Nothing was done.'), 'Correct these rows, or declare another zone for the column.');
        END IF;
        IF doubled > 0 AND s.overlap = 'refuse' THEN
            keys = tzmigrate.keys_where(relation, column_text, concat(row_of, ' WHERE tz_d.overlap'));
            PERFORM tzmigrate.refuse('TZ347', tzmigrate.rows_that(doubled, relation, c, concat('in hours that ', c.zone, ' has twice')),
                concat(keys, ' PostgreSQL takes the later of the two instants. Nothing was done.'),
                'Set overlap = "later" under [policy] in tzmigrate.toml if that is right, and write the plan again.');
        END IF;
    END LOOP;
END
$tz$;

-- stop at ranges that turn round or become empty where the zone sets its clocks back, and at those of a multirange that run into each other
CREATE OR REPLACE FUNCTION tzmigrate.check_ranges(relation regclass, since text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    s tzmigrate.step = tzmigrate.open_part(relation);
    c tzmigrate.step_column;
    type oid;
    zone text;
    column_text text;
    pairs text;
    crossing text;
    crossed bigint;
BEGIN
    FOR c IN SELECT * FROM tzmigrate.step_column x
             WHERE x.step_id = s.id AND lower(x.zone) NOT IN ('utc', 'etc/utc', 'gmt', 'etc/gmt') ORDER BY x.position LOOP
        type = tzmigrate.type_now(c);
        CONTINUE WHEN NOT tzmigrate.holds(type, 'tstzrange');
        zone = CASE WHEN c.zone = s.session_zone THEN '::timestamp' ELSE concat(' AT TIME ZONE ', quote_literal(c.zone)) END;
        column_text = concat('t.', quote_ident(c.column_name));
        -- two bounds, one after the other, and whether they may meet; the names keep clear of the columns of the table
        pairs = concat('SELECT lower(tz_r.v), upper(tz_r.v), lower_inc(tz_r.v) AND upper_inc(tz_r.v) FROM (',
            tzmigrate.moments(type, column_text, 'tstzrange', 1), ') AS tz_r (v)');
        -- 13 has no multiranges
        IF to_regtype('tstzmultirange') IS NOT NULL AND tzmigrate.holds(type, to_regtype('tstzmultirange')) THEN
            pairs = concat(pairs, ' UNION ALL SELECT upper(tz_o.before), lower(tz_o.v), NOT upper_inc(tz_o.before) AND NOT lower_inc(tz_o.v) FROM (',
                tzmigrate.moments(type, column_text, to_regtype('tstzmultirange'), 1), ') AS tz_n (v), ',
                'LATERAL (SELECT tz_p.v, lag(tz_p.v) OVER (ORDER BY tz_p.v) FROM (SELECT unnest(tz_n.v)) AS tz_p (v)) AS tz_o (v, before)');
        END IF;
        -- no clock changed before 1844, and the ends of the range have no wall clock in every zone
        crossing = concat(' FROM ', relation, ' AS t, LATERAL (SELECT bool_or(CASE WHEN tz_b.one >= TIMESTAMPTZ ''1800-01-01Z'' AND tz_b.other < TIMESTAMPTZ ''294276-12-29Z'' THEN ',
            'CASE WHEN tz_b.meet THEN (tz_b.one)', zone, ' > (tz_b.other)', zone, ' ELSE (tz_b.one)', zone, ' >= (tz_b.other)', zone, ' END END) FROM (', pairs, ') AS tz_b (one, other, meet)) AS tz_d (crossed)',
            ' WHERE tz_d.crossed', CASE WHEN since <> '' THEN concat(' AND age(t.xmin) <= age(', quote_literal(since), '::xid)') END);
        EXECUTE concat('SELECT count(*)', crossing) INTO crossed;
        IF crossed > 0 THEN
            PERFORM tzmigrate.refuse('TZ352', tzmigrate.rows_that(crossed, relation, c, concat('where ', c.zone, ' sets its clocks back, and cannot be naive')),
                concat(tzmigrate.keys_where(relation, column_text, crossing),
                    ' In wall clocks a range of theirs ends before it begins, or where it begins, or runs into the next one. Nothing was done.'),
                'Move a bound out of the hour that comes twice, or set the range to NULL; then go down again.');
        END IF;
    END LOOP;
END
$tz$;

CREATE OR REPLACE FUNCTION tzmigrate.rows_that(number bigint, relation regclass, c tzmigrate.step_column, stand text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
    SELECT concat(number, CASE number WHEN 1 THEN ' row of ' ELSE ' rows of ' END, relation, '.', quote_ident(c.column_name),
        CASE number WHEN 1 THEN ' stands ' ELSE ' stand ' END, stand)
$tz$;

-- a sentence with the keys of the first ten rows; a table without key shows their values
CREATE OR REPLACE FUNCTION tzmigrate.keys_where(relation regclass, column_text text, rows_from text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    s tzmigrate.step = tzmigrate.open_part(relation);
    keys text;
    shown bigint;
BEGIN
    EXECUTE concat('SELECT string_agg(concat(''('', array_to_string(k.key, '',''), '')''), '', '') FILTER (WHERE k.place <= 10), count(*) FROM (SELECT y.*, row_number() OVER (ORDER BY y.key) AS place FROM (SELECT ',
        CASE WHEN s.key IS NULL THEN concat('ARRAY[concat(', column_text, ')]') ELSE tzmigrate.key_text(s.id, relation, false) END,
        ' AS key', rows_from, ' LIMIT 11) AS y) AS k') INTO keys, shown;
    RETURN concat(CASE WHEN shown > 10 THEN 'The first ten of their ' ELSE 'Their ' END,
        coalesce((SELECT string_agg(quote_ident(k), ', ') FROM unnest(s.key) AS k), 'values'), CASE WHEN shown > 10 THEN ' are ' ELSE ' ' END, keys, '.');
END
$tz$;

-- keys of the baseline sample, chosen without a lock
CREATE OR REPLACE FUNCTION tzmigrate.choose_sample(relation text, key text[], rows integer, proof text, rewrite boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
DECLARE
    t regclass = relation::regclass;
    s tzmigrate.step = tzmigrate.open_part(t);
    seen text = '';
BEGIN
    UPDATE tzmigrate.step x SET proof = choose_sample.proof, rewrite = choose_sample.rewrite WHERE x.id = s.id RETURNING x.* INTO s;
    UPDATE tzmigrate.step x SET
        -- a key of converted columns would show in the ledger what row security hides in the table
        key = coalesce(CASE WHEN k.relrowsecurity AND EXISTS (SELECT FROM tzmigrate.step_column c WHERE c.step_id = s.id AND c.column_name = ANY (choose_sample.key)) THEN NULL
                            WHEN EXISTS (SELECT FROM unnest(choose_sample.key) AS n (name) WHERE tzmigrate.key_type(t, n.name) IS NULL) THEN NULL
                            -- of other families of time no text could be compared by an index
                            WHEN EXISTS (SELECT FROM tzmigrate.step_column c WHERE c.step_id = s.id AND c.column_name = ANY (choose_sample.key)
                                         AND NOT tzmigrate.one_moment(c) AND tzmigrate.type_now(c) NOT IN ('tsrange'::regtype, 'tstzrange'::regtype)) THEN NULL
                            -- no key spans a table and those that inherit from it
                            WHEN k.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = t) THEN NULL
                            ELSE nullif(choose_sample.key, '{}') END, CASE WHEN k.relkind = 'r' AND NOT s.rewrite THEN ARRAY['tableoid', 'ctid'] END),
        masked = k.relrowsecurity,
        forced_row_security = k.relforcerowsecurity AND NOT r.rolsuper AND NOT r.rolbypassrls
    FROM pg_class k, pg_roles r WHERE x.id = s.id AND k.oid = t AND r.rolname = current_user;
    -- a rewrite moves the rows, so without a key none is found again: the whole column is compared instead
    UPDATE tzmigrate.step x SET proof = 'full' WHERE x.id = s.id AND x.key IS NULL AND x.rewrite;
    s = tzmigrate.open_part(t);
    IF s.part = 1 AND NOT s.passed_over THEN
        PERFORM tzmigrate.check_leaning();
    END IF;
    -- under FORCE ROW LEVEL SECURITY the owner sees some rows only: chosen in take_table, once that is lifted under the lock
    IF NOT s.passed_over AND NOT s.forced_row_security THEN
        seen = (pg_snapshot_xmin(pg_current_snapshot())::text::bigint & 4294967295)::text;
        PERFORM tzmigrate.check_clock_changes(t, '');
        PERFORM tzmigrate.draw_sample(t, rows);
        -- writing them is most of the work: under the lock only what changed since is written again
        PERFORM tzmigrate.record_values(s, t);
    END IF;
    UPDATE tzmigrate.step x SET checked_since = seen, sample_rows = choose_sample.rows WHERE x.id = s.id;
END
$tz$;

-- small tables whole; of large ones random blocks and lines with rejection, then what stands at an edge
CREATE OR REPLACE FUNCTION tzmigrate.draw_sample(relation regclass, rows integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
DECLARE
    s tzmigrate.step = tzmigrate.open_part(relation);
    key_text text;
    leaf regclass;
    blocks bigint;
    all_blocks bigint;
    share integer;
    into_sample text;
BEGIN
    IF s.key IS NULL THEN
        RETURN;
    END IF;
    key_text = tzmigrate.key_text(s.id, relation, s.direction = 'down');
    into_sample = concat('INSERT INTO tzmigrate.sample (step_id, key, edge) SELECT ', s.id, ', ', key_text);
    SELECT sum(pg_relation_size(l)) / current_setting('block_size')::bigint INTO all_blocks FROM tzmigrate.leaves(relation) AS l;
    IF all_blocks <= 64 THEN
        EXECUTE concat(into_sample, ', false FROM ', relation, ' AS t ON CONFLICT DO NOTHING');
        RETURN;
    END IF;
    FOR leaf IN SELECT l FROM tzmigrate.leaves(relation) AS l LOOP
        blocks = pg_relation_size(leaf) / current_setting('block_size')::bigint;
        share = ceil(rows * (blocks::numeric / all_blocks));
        -- random blocks, and of the lines that fit into one (28 bytes each) so many that a block gives about one row; all lines have
        -- the same chance, also where the statistics know no number of rows, as an empty or dead line gives nothing;
        -- three times as many blocks as rows are wanted, and 30, so that chance does not leave a small share without any;
        -- a line drawn twice counts once by ON CONFLICT, as DISTINCT could sort the lines and leave the last blocks out
        EXECUTE concat(into_sample, ', false FROM (SELECT concat(''('', b.tz_block, '','', l.tz_line, '')'')::tid AS tz_tid',
            ' FROM (SELECT floor(random() * ', blocks, ')::bigint AS tz_block FROM generate_series(1, ', 3 * share + 30, ')) AS b,',
            -- block by block: were the lines the outer loop, LIMIT would leave the last ones out
            ' LATERAL generate_series(1 + 0 * b.tz_block::integer, ', (current_setting('block_size')::integer - 24) / 28, ') AS l (tz_line)',
            ' WHERE random() < (SELECT CASE WHEN reltuples > 0 THEN least(1, ', blocks, ' / reltuples) ELSE 0.05 END FROM pg_class WHERE oid = ', leaf::oid, ') OFFSET 0) AS draw',
            ' JOIN ', leaf, ' AS t ON t.ctid = draw.tz_tid LIMIT ', share, ' ON CONFLICT DO NOTHING');
    END LOOP;
    IF rows > 0 THEN
        -- a row that was drawn stays one: it tells of the share of rows, which a row at an edge does not
        PERFORM tzmigrate.add_edges(s, relation, concat(into_sample, ', true'));
    END IF;
END
$tz$;

-- rows at an edge, where conversions go wrong first, and few of all. An index finds them; without one they are looked for only where the
-- table is rewritten anyway, which takes longer, and no fingerprint of whole columns is taken
CREATE OR REPLACE FUNCTION tzmigrate.add_edges(s tzmigrate.step, relation regclass, into_sample text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
DECLARE
    c tzmigrate.step_column;
    name text;
    indexed boolean;
    edge text;
    low timestamp;
    high timestamp;
    wall text;
BEGIN
    IF s.key <> ARRAY['tableoid', 'ctid'] AND s.key IS NOT NULL THEN
        -- the oldest and the newest rows, as far as keys tell
        FOREACH edge IN ARRAY ARRAY[' ASC', ' DESC'] LOOP
            EXECUTE concat(into_sample, ' FROM ', relation, ' AS t ORDER BY ',
                (SELECT string_agg(concat('t.', quote_ident(k), edge), ', ' ORDER BY o) FROM unnest(s.key) WITH ORDINALITY AS u (k, o)), ' LIMIT 25 ON CONFLICT DO NOTHING');
        END LOOP;
    END IF;
    FOR c IN SELECT x.* FROM tzmigrate.step_column x WHERE x.step_id = s.id LOOP
        indexed = EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
                          JOIN pg_class k ON k.oid = i.indexrelid JOIN pg_am m ON m.oid = k.relam AND m.amname = 'btree'
                          WHERE i.indrelid = relation AND a.attname = c.column_name AND i.indisvalid AND i.indpred IS NULL);
        CONTINUE WHEN NOT indexed AND (NOT s.rewrite OR s.proof = 'full');
        name = concat('t.', quote_ident(c.column_name));
        FOREACH edge IN ARRAY
            CASE WHEN tzmigrate.one_moment(c) THEN ARRAY[
                ' ORDER BY @ LIMIT 25', ' WHERE @ < ''infinity'' ORDER BY @ DESC LIMIT 25', ' WHERE @ > ''-infinity'' ORDER BY @ LIMIT 25',
                ' WHERE @ = ''infinity'' LIMIT 5', ' WHERE @ IS NULL LIMIT 5', ' WHERE @ < ''0001-01-01'' ORDER BY @ DESC LIMIT 5']
            WHEN indexed THEN ARRAY[' ORDER BY @ LIMIT 25', ' WHERE @ IS NOT NULL ORDER BY @ DESC LIMIT 25', ' WHERE @ IS NULL LIMIT 5']
            -- not every family has an order
            ELSE ARRAY[' WHERE @ IS NULL LIMIT 5'] END LOOP
            EXECUTE concat(into_sample, ' FROM ', relation, ' AS t', replace(edge, '@', name), ' ON CONFLICT DO NOTHING');
        END LOOP;
        CONTINUE WHEN NOT (indexed AND tzmigrate.one_moment(c)) OR lower(c.zone) IN ('utc', 'etc/utc', 'gmt', 'etc/gmt');
        -- the neighbours of each change of the clock
        EXECUTE concat('SELECT min(', name, '), max(', name, ') FROM ', relation, ' AS t WHERE ', name, ' > ''1900-01-01'' AND ', name, ' < ''2100-01-01''') INTO low, high;
        wall = CASE s.direction WHEN 'up' THEN 'w.tz_wall' ELSE concat('(w.tz_wall AT TIME ZONE ', quote_literal(c.zone), ')') END;
        FOREACH edge IN ARRAY ARRAY[concat(' < ', wall, ' ORDER BY ', name, ' DESC LIMIT 2'), concat(' >= ', wall, ' ORDER BY ', name, ' LIMIT 3')] LOOP
            EXECUTE concat(into_sample, ' FROM tzmigrate.clock_changes(', quote_literal(c.zone), ', ', quote_nullable(low), ', ', quote_nullable(high), ') AS w (tz_wall),',
                ' LATERAL (SELECT t.tableoid, t.ctid, t.* FROM ', relation, ' AS t WHERE ', name, edge, ') AS t ON CONFLICT DO NOTHING');
        END LOOP;
    END LOOP;
END
$tz$;

-- wall clocks at which a zone changes its offset, to half an hour, in the last twenty years of a period
CREATE OR REPLACE FUNCTION tzmigrate.clock_changes(zone text, low timestamp, high timestamp) RETURNS SETOF timestamp
LANGUAGE sql STABLE ROWS 40 SET search_path = pg_catalog, pg_temp AS $tz$
    SELECT min(h.h) FROM generate_series(date_trunc('day', greatest(low, high - INTERVAL '20 years')), high, INTERVAL '1 day') AS d (d),
        LATERAL generate_series(d.d + INTERVAL '30 minutes', d.d + INTERVAL '1 day', INTERVAL '30 minutes') AS h (h)
    WHERE (d.d AT TIME ZONE zone) - (d.d AT TIME ZONE INTERVAL '0') <> ((d.d + INTERVAL '1 day') AT TIME ZONE zone) - ((d.d + INTERVAL '1 day') AT TIME ZONE INTERVAL '0')
      AND (h.h AT TIME ZONE zone) - (h.h AT TIME ZONE INTERVAL '0') <> (d.d AT TIME ZONE zone) - (d.d AT TIME ZONE INTERVAL '0')
    GROUP BY d.d
$tz$;

-- SQL text of the number that binds a value to its row: the same before and after the conversion; built-in types by the hash of their own,
-- which costs a tenth of hashing their text (postgres-facts.md section 13)
CREATE OR REPLACE FUNCTION tzmigrate.key_seed(open_id bigint, root regclass, zoned boolean, session_zone text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    k record;
    seed text;
BEGIN
    FOR k IN SELECT concat('t.', quote_ident(a.attname)) AS name, a.atttypid, n.ordinality, c.step_id IS NOT NULL AS converts, c AS converted
             FROM tzmigrate.step s, unnest(s.key) WITH ORDINALITY AS n (name, ordinality)
             JOIN pg_attribute a ON a.attrelid = root AND a.attname = n.name AND NOT a.attisdropped AND a.attnum > 0
             LEFT JOIN tzmigrate.step_column c ON c.step_id = open_id AND c.column_name = n.name
             WHERE s.id = open_id ORDER BY n.ordinality LOOP
        seed = CASE
            WHEN k.converts AND tzmigrate.one_moment(k.converted) THEN
                concat('timestamp_hash_extended(', tzmigrate.expression(k.converted, zoned, 'wall', session_zone), ', ', coalesce(seed, '0'), ')')
            WHEN NOT k.converts AND k.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) THEN
                CASE WHEN seed IS NULL THEN concat(k.name, '::bigint') ELSE concat('hashint8extended(', k.name, ', ', seed, ')') END
            WHEN NOT k.converts AND k.atttypid = 'uuid'::regtype THEN concat('uuid_hash_extended(', k.name, ', ', coalesce(seed, '0'), ')')
            ELSE concat('hashtextextended((', tzmigrate.key_text(open_id, root, zoned), ')[', k.ordinality, '], ', coalesce(seed, '0'), ')') END;
    END LOOP;
    -- without a key what counts is which values there are, and how often each
    RETURN coalesce(seed, '0');
END
$tz$;

-- one pass over the table: rows, and of each column how many values, an order-independent fingerprint, and the ends in microseconds where
-- a value is one moment; as instants on the way up. Parallel, without a sort (postgres-facts.md section 13)
CREATE OR REPLACE FUNCTION tzmigrate.fingerprint_query(open_id bigint, root regclass, zoned boolean) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
DECLARE
    s tzmigrate.step;
    wanted text;
    seed text;
    parts text;
BEGIN
    SELECT * INTO s FROM tzmigrate.step x WHERE x.id = open_id;
    wanted = CASE s.direction WHEN 'up' THEN 'instant' ELSE 'wall' END;
    seed = tzmigrate.key_seed(open_id, root, zoned, s.session_zone);
    SELECT concat_ws(', ',
        concat('ARRAY[', string_agg(concat('count(', x.name, ')'), ', ' ORDER BY x.position), ']'),
        concat('ARRAY[', string_agg(concat('sum(', tzmigrate.digest(x.c, zoned, wanted, s.session_zone, seed), ')'), ', ' ORDER BY x.position), ']'),
        concat('ARRAY[', string_agg(CASE WHEN x.one_moment THEN concat('tzmigrate.microseconds(min(', x.value, '))') ELSE 'NULL' END, ', ' ORDER BY x.position), ']::bigint[]'),
        concat('ARRAY[', string_agg(CASE WHEN x.one_moment THEN concat('tzmigrate.microseconds(max(', x.value, '))') ELSE 'NULL' END, ', ' ORDER BY x.position), ']::bigint[]'))
    INTO parts
    FROM (SELECT c, c.position, concat('t.', quote_ident(c.column_name)) AS name, tzmigrate.one_moment(c) AS one_moment,
                 tzmigrate.expression(c, zoned, wanted, s.session_zone) AS value
          FROM tzmigrate.step_column c WHERE c.step_id = open_id) AS x;
    RETURN concat('SELECT count(*), ', parts, ' FROM ', root, ' AS t');
END
$tz$;

CREATE OR REPLACE FUNCTION tzmigrate.fingerprint(open_id bigint, root regclass, zoned boolean,
    OUT rows bigint, OUT counts bigint[], OUT infinite bigint[], OUT sums numeric[], OUT lowest bigint[], OUT highest bigint[])
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    c tzmigrate.step_column;
    number bigint;
BEGIN
    EXECUTE tzmigrate.fingerprint_query(open_id, root, zoned) INTO rows, counts, sums, lowest, highest;
    -- infinite values stand at the ends, so they are counted only where there are any
    infinite = array_fill(0::bigint, ARRAY[cardinality(counts)]);
    FOR c IN SELECT x.* FROM tzmigrate.step_column x WHERE x.step_id = open_id
             AND (lowest[x.position] = -9223372036854775808 OR highest[x.position] = 9223372036854775807) LOOP
        EXECUTE concat('SELECT count(*) FROM ', root, ' AS t WHERE NOT isfinite(t.', quote_ident(c.column_name), ')') INTO number;
        infinite[c.position] = number;
    END LOOP;
END
$tz$;

-- recorded values of the sample, read by key: microseconds as wall clock and as instant, one array element a column
CREATE OR REPLACE FUNCTION tzmigrate.sampled(open_id bigint, root regclass, zoned boolean)
RETURNS TABLE (key text[], wall bigint[], instant bigint[])
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_hashjoin = off SET enable_mergejoin = off AS $tz$
#variable_conflict use_column
DECLARE
    walls text;
    instants text;
BEGIN
    SELECT string_agg(tzmigrate.number(c, zoned, 'wall'), ', ' ORDER BY c.position), string_agg(tzmigrate.number(c, zoned, 'instant'), ', ' ORDER BY c.position)
    INTO walls, instants FROM tzmigrate.step_column c WHERE c.step_id = open_id;
    RETURN QUERY EXECUTE concat('SELECT p.key, ARRAY[', walls, '], ARRAY[', instants, '] FROM tzmigrate.sample AS p JOIN ', root, ' AS t ON ',
        tzmigrate.key_match(open_id, root, zoned), ' WHERE p.step_id = ', open_id);
END
$tz$;

-- write down what the rows of the sample hold, where the ledger says otherwise, and forget rows that went away: how many
CREATE OR REPLACE FUNCTION tzmigrate.record_values(s tzmigrate.step, root regclass) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_hashjoin = off SET enable_mergejoin = off AS $tz$
#variable_conflict use_column
DECLARE
    zoned boolean = s.direction = 'down';
    walls text;
    instants text;
    gone bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM tzmigrate.sample x WHERE x.step_id = s.id) THEN
        RETURN 0;
    END IF;
    SELECT concat('ARRAY[', string_agg(tzmigrate.number(c, zoned, 'wall'), ', ' ORDER BY c.position), ']'),
        concat('ARRAY[', string_agg(tzmigrate.number(c, zoned, 'instant'), ', ' ORDER BY c.position), ']')
    INTO walls, instants FROM tzmigrate.step_column c WHERE c.step_id = s.id;
    EXECUTE concat('WITH v AS MATERIALIZED (SELECT p.ctid AS place, t.tableoid IS NOT NULL AS found, ', walls, ' AS wall, ', instants, ' AS instant',
        ' FROM tzmigrate.sample AS p LEFT JOIN ', root, ' AS t ON ', tzmigrate.key_match(s.id, root, zoned), ' WHERE p.step_id = ', s.id,
        -- what stands there tells the other one
        ' AND (t.tableoid IS NULL OR ', CASE WHEN zoned THEN concat('p.instant IS DISTINCT FROM ', instants) ELSE concat('p.wall IS DISTINCT FROM ', walls) END, ')',
        '), written AS (UPDATE tzmigrate.sample AS x SET wall = v.wall, instant = v.instant FROM v WHERE v.found AND x.ctid = v.place)',
        ' DELETE FROM tzmigrate.sample AS x USING v WHERE NOT v.found AND x.ctid = v.place');
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END
$tz$;
