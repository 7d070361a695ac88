-- types: what the types of some tables' columns are made of, all the way down
-- params: relations int8[], names text[] of further types   gives: type, definition   needs: PostgreSQL 13+
WITH RECURSIVE reach (oid) AS (
    SELECT a.atttypid FROM pg_catalog.pg_attribute a
    WHERE a.attrelid::pg_catalog.int8 = ANY (%(relations)s::pg_catalog.int8[]) AND a.attnum > 0 AND NOT a.attisdropped
    UNION
    SELECT pg_catalog.to_regtype(name)::pg_catalog.oid FROM pg_catalog.unnest(%(names)s::pg_catalog.text[]) AS w (name)
    UNION
    SELECT part.oid FROM reach JOIN pg_catalog.pg_type t ON t.oid = reach.oid
    CROSS JOIN LATERAL (
        SELECT t.typelem WHERE t.typelem <> 0
        UNION ALL SELECT t.typbasetype WHERE t.typbasetype <> 0
        UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid
        -- 14: a multirange is made of ranges
        UNION ALL SELECT r.rngtypid FROM pg_catalog.pg_range r WHERE pg_catalog.to_jsonb(r) ->> 'rngmultitypid' = t.oid::pg_catalog.text
        UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = t.typrelid AND t.typrelid <> 0 AND a.attnum > 0 AND NOT a.attisdropped
    ) AS part (oid)
)
SELECT pg_catalog.format_type(t.oid, NULL),
       CASE t.typtype
           WHEN 'd' THEN pg_catalog.format_type(t.typbasetype, t.typtypmod)
           WHEN 'r' THEN (SELECT pg_catalog.format_type(r.rngsubtype, NULL) FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid)
           WHEN 'e' THEN 'an enum'
           WHEN 'm' THEN 'a multirange'
           ELSE (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname) || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
                 FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)
       END
FROM reach JOIN pg_catalog.pg_type t ON t.oid = reach.oid
WHERE t.typtype IN ('c', 'd', 'e', 'm', 'r')
