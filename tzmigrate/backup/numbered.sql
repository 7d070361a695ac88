-- numbered: columns that hold relations, types or large objects by their numbers, or rows of one of these tables, also within other types
-- params: relations int8[], rows bool: look for rows, objects bool: and for large objects   gives: column, the type that does   needs: PostgreSQL 13+
WITH RECURSIVE reach (relation, attnum, oid) AS (
    SELECT a.attrelid, a.attnum, a.atttypid FROM pg_catalog.pg_attribute a
    WHERE a.attrelid::pg_catalog.int8 = ANY (%(relations)s::pg_catalog.int8[]) AND a.attnum > 0 AND NOT a.attisdropped
    UNION
    SELECT reach.relation, reach.attnum, part.oid FROM reach JOIN pg_catalog.pg_type t ON t.oid = reach.oid
    CROSS JOIN LATERAL (
        SELECT t.typelem WHERE t.typelem <> 0
        UNION ALL SELECT t.typbasetype WHERE t.typbasetype <> 0
        UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = t.typrelid AND t.typrelid <> 0 AND a.attnum > 0 AND NOT a.attisdropped
    ) AS part (oid)
)
SELECT pg_catalog.concat(reach.relation::pg_catalog.regclass, '.', pg_catalog.quote_ident(a.attname)), pg_catalog.format_type(reach.oid, NULL)
FROM reach JOIN pg_catalog.pg_attribute a ON a.attrelid = reach.relation AND a.attnum = reach.attnum
WHERE reach.oid IN ('pg_catalog.regclass'::pg_catalog.regtype, 'pg_catalog.regtype'::pg_catalog.regtype)
   OR %(objects)s AND reach.oid = 'pg_catalog.oid'::pg_catalog.regtype
   OR %(rows)s AND reach.oid IN (SELECT c.reltype FROM pg_catalog.pg_class c WHERE c.oid::pg_catalog.int8 = ANY (%(relations)s::pg_catalog.int8[]))
ORDER BY 1 LIMIT 1
