-- foreign_keys: those that touch some tables, on either side, as the query that counts rows without a partner
-- params: relations int8[]   gives: constraint, table, the partner that they refer to where it is none of them, query   needs: PostgreSQL 13+
WITH RECURSIVE family (oid) AS (
    SELECT pg_catalog.unnest(%(relations)s::pg_catalog.int8[])::pg_catalog.oid
    UNION
    -- a partition obeys what its parents were given
    SELECT i.inhparent FROM family JOIN pg_catalog.pg_class c ON c.oid = family.oid AND c.relispartition
    JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid
)
SELECT k.conname::pg_catalog.text, k.conrelid::pg_catalog.regclass::pg_catalog.text,
       CASE WHEN k.conrelid IN (SELECT oid FROM family) AND NOT k.confrelid::pg_catalog.int8 = ANY (%(relations)s::pg_catalog.int8[])
            THEN k.confrelid::pg_catalog.regclass::pg_catalog.text END,
       pg_catalog.format('SELECT count(*) FROM %%s AS f WHERE %%s AND NOT EXISTS (SELECT FROM %%s AS p WHERE %%s)',
           CASE (SELECT c.relkind FROM pg_catalog.pg_class c WHERE c.oid = k.conrelid) WHEN 'p' THEN '' ELSE 'ONLY ' END || k.conrelid::pg_catalog.regclass::pg_catalog.text,
           -- MATCH SIMPLE: a NULL in the key needs no partner; MATCH FULL allows no other
           (SELECT pg_catalog.string_agg(pg_catalog.format('f.%%I IS NOT NULL', a.attname), ' AND ')
            FROM pg_catalog.unnest(k.conkey) AS u (attnum)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum),
           CASE (SELECT c.relkind FROM pg_catalog.pg_class c WHERE c.oid = k.confrelid) WHEN 'p' THEN '' ELSE 'ONLY ' END || k.confrelid::pg_catalog.regclass::pg_catalog.text,
           (SELECT pg_catalog.string_agg(pg_catalog.format('p.%%I OPERATOR(%%I.%%s) f.%%I', b.attname, n.nspname, o.oprname, a.attname), ' AND ')
            FROM ROWS FROM (pg_catalog.unnest(k.conkey), pg_catalog.unnest(k.confkey), pg_catalog.unnest(k.conpfeqop)) AS u (here, there, equal)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.here
            JOIN pg_catalog.pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = u.there
            JOIN pg_catalog.pg_operator o ON o.oid = u.equal
            JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace))
FROM pg_catalog.pg_constraint k
WHERE k.contype = 'f' AND k.conparentid = 0 AND k.convalidated
  AND (k.conrelid IN (SELECT oid FROM family) OR k.confrelid IN (SELECT oid FROM family))
ORDER BY 2, 1
