-- generated: columns computed from columns of a step, emptied or made anew (postgres-facts.md section 7.4)

-- from PostgreSQL 17 on: the columns read nothing any more, and keep their place and all they have. Where NULL may not
-- stand, a value of the column itself does; it satisfies its domain, and an empty table needs none
CREATE OR REPLACE FUNCTION tzmigrate.blank_generated(relation text, names name[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    t regclass = relation::regclass;
    a record;
    value text;
    clauses text[] = '{}';
    statement text;
    -- to functions of the users, by a domain
    held boolean = false;
BEGIN
    FOR a IN
        WITH RECURSIVE tree (oid) AS (
            SELECT t::oid UNION SELECT i.inhrelid FROM pg_inherits i JOIN tree ON tree.oid = i.inhparent
        )
        SELECT b.attname, format_type(b.atttypid, b.atttypmod) AS type, b.atttypid >= 16384 AS own, y.typtype = 'd' OR EXISTS (
            SELECT FROM tree JOIN pg_attribute x ON x.attrelid = tree.oid AND x.attname = b.attname WHERE x.attnotnull) AS filled
        FROM pg_attribute b JOIN pg_type y ON y.oid = b.atttypid
        WHERE b.attrelid = t AND b.attname = ANY (names) AND NOT b.attisdropped ORDER BY b.attnum
    LOOP
        value = NULL;
        held = held OR a.own;
        IF a.filled THEN
            EXECUTE concat('SELECT concat(x.', quote_ident(a.attname), ') FROM ', t, ' AS x WHERE x.', quote_ident(a.attname), ' IS NOT NULL LIMIT 1') INTO value;
        END IF;
        clauses = clauses || concat('ALTER COLUMN ', quote_ident(a.attname), ' SET EXPRESSION AS (', quote_nullable(value), '::', a.type, ')');
    END LOOP;
    statement = concat('ALTER TABLE ', t, ' ', array_to_string(clauses, ', '));
    IF held THEN
        PERFORM tzmigrate.run_as_owner(relation, statement, 'none');
    ELSE
        EXECUTE statement;
    END IF;
END
$tz$;

-- what ADD COLUMN does not say of a column, for its table and the partitions below it, as statements
CREATE OR REPLACE FUNCTION tzmigrate.column_properties(relation oid, attnum integer) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off AS $tz$
    WITH RECURSIVE tree (oid, depth) AS (
        SELECT relation, 0 UNION SELECT i.inhrelid, tree.depth + 1 FROM pg_inherits i JOIN tree ON tree.oid = i.inhparent
    ), member AS (
        SELECT a.*, z.compression, tree.depth, y.typstorage, c.relowner, c.relacl, c.oid::regclass AS label,
            concat('ALTER TABLE ONLY ', c.oid::regclass, ' ALTER COLUMN ', quote_ident(a.attname), ' SET ') AS alter_column,
            concat(' ON COLUMN ', c.oid::regclass, '.', quote_ident(a.attname), ' IS ') AS on_column
        FROM pg_attribute r JOIN tree ON true JOIN pg_class c ON c.oid = tree.oid
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = r.attname AND NOT a.attisdropped JOIN pg_type y ON y.oid = a.atttypid
        CROSS JOIN (SELECT ''::"char" AS attcompression) AS older CROSS JOIN LATERAL (SELECT attcompression AS compression FROM (SELECT a.*) AS x) AS z
        WHERE r.attrelid = relation AND r.attnum = column_properties.attnum
    )
    SELECT coalesce(array_agg(p.line ORDER BY m.depth, m.attrelid, p.place, p.number), '{}') FROM member m CROSS JOIN LATERAL (
        SELECT 1 AS place, 0::bigint AS number, concat(m.alter_column, 'STATISTICS ', m.attstattarget) AS line WHERE m.attstattarget >= 0
        UNION ALL
        SELECT 2, 0, concat(m.alter_column, 'STORAGE ', CASE m.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END) WHERE m.attstorage <> m.typstorage
        UNION ALL
        SELECT 3, 0, concat(m.alter_column, 'COMPRESSION ', CASE m.compression WHEN 'l' THEN 'lz4' ELSE 'pglz' END) WHERE m.compression IN ('l', 'p')
        UNION ALL
        SELECT 4, 0, concat(m.alter_column, '(', tzmigrate.option_list(array_agg(o)), ')') FROM unnest(m.attoptions) AS o WHERE NOT starts_with(o, 'pg_attver=') HAVING count(*) > 0
        UNION ALL
        SELECT 5, 0, concat('COMMENT', m.on_column, quote_literal(d.description)) FROM pg_description d
        WHERE d.classoid = 'pg_class'::regclass AND d.objoid = m.attrelid AND d.objsubid = m.attnum
        UNION ALL
        SELECT 6, 0, concat('SECURITY LABEL FOR ', quote_ident(l.provider), m.on_column, quote_literal(l.label)) FROM pg_seclabel l
        WHERE l.classoid = 'pg_class'::regclass AND l.objoid = m.attrelid AND l.objsubid = m.attnum
        UNION ALL
        SELECT 7, g.number, g.line FROM unnest(tzmigrate.grants(concat('TABLE ', m.label), m.attname, m.attacl, m.relowner, m.relacl)) WITH ORDINALITY AS g (line, number)
    ) AS p
$tz$;

-- a role that granted rights on a column that is made anew, and for which we may not act
CREATE OR REPLACE FUNCTION tzmigrate.foreign_grantor(relation oid, attnum integer) RETURNS name
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
    WITH RECURSIVE tree (oid) AS (
        SELECT relation UNION SELECT i.inhrelid FROM pg_inherits i JOIN tree ON tree.oid = i.inhparent
    )
    SELECT min(pg_get_userbyid(g.grantor)) FROM pg_attribute r JOIN tree ON true JOIN pg_class c ON c.oid = tree.oid
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = r.attname AND NOT a.attisdropped, aclexplode(a.attacl) AS g
    WHERE r.attrelid = relation AND r.attnum = foreign_grantor.attnum AND g.grantor <> c.relowner
        AND NOT (pg_has_role(session_user, g.grantor, CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END)
                 AND has_schema_privilege(g.grantor, c.relnamespace, 'USAGE'))
$tz$;
