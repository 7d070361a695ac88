-- sequences: those that count for columns of these tables, by one, and what reads how far rows of all of them go
-- params: relations int8[]   gives: the sequence and the columns, quoted; what reads where it stands and where they do   needs: PostgreSQL 13+
WITH counted (sequence, relation, attnum) AS (
    SELECT d.objid, d.refobjid, d.refobjsubid FROM pg_catalog.pg_depend d
    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
      AND d.deptype = 'i' AND d.refobjid::pg_catalog.int8 = ANY (%(relations)s::pg_catalog.int8[])
    UNION
    -- nothing but the next value: what is computed with it says nothing of it
    SELECT d.refobjid, f.adrelid, f.adnum FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attrdef f ON f.oid = d.objid
    WHERE d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
      AND f.adrelid::pg_catalog.int8 = ANY (%(relations)s::pg_catalog.int8[])
      AND pg_catalog.pg_get_expr(f.adbin, f.adrelid) ~ '^nextval\(''.*''::regclass\)(::numeric)?$'
), used AS (
    SELECT s.oid::pg_catalog.regclass::pg_catalog.text AS name, pg_catalog.format('%%s.%%I', a.attrelid::pg_catalog.regclass, a.attname) AS name_of_column,
        pg_catalog.format('(SELECT pg_catalog.max(%%I)::pg_catalog.int8 FROM %%s)', a.attname, a.attrelid::pg_catalog.regclass) AS furthest
    FROM counted x JOIN pg_catalog.pg_class s ON s.oid = x.sequence AND s.relkind = 'S'
    -- one that steps further may share a range with another server's
    JOIN pg_catalog.pg_sequence q ON q.seqrelid = s.oid AND q.seqincrement = 1 AND NOT q.seqcycle
    JOIN pg_catalog.pg_attribute a ON a.attrelid = x.relation AND a.attnum = x.attnum
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid AND COALESCE(NULLIF(t.typbasetype, 0), t.oid) IN ('pg_catalog.int2'::pg_catalog.regtype,
        'pg_catalog.int4'::pg_catalog.regtype, 'pg_catalog.int8'::pg_catalog.regtype, 'pg_catalog.numeric'::pg_catalog.regtype)
    -- rows below a table are read with it
    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_inherits i JOIN counted p ON p.relation = i.inhparent AND p.sequence = x.sequence WHERE i.inhrelid = x.relation)
)
SELECT used.name, pg_catalog.string_agg(used.name_of_column, ', ' ORDER BY used.name_of_column),
    pg_catalog.format('SELECT last_value, is_called, GREATEST(%%s) FROM %%s', pg_catalog.string_agg(used.furthest, ', ' ORDER BY used.name_of_column), used.name)
FROM used GROUP BY used.name ORDER BY 1
