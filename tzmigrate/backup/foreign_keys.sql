-- foreign_keys: those that touch some tables, on either side
-- params: relations int8[]
-- gives: constraint, table, partner, whether rows of these tables refer to others, the query that counts rows without
-- a partner by a hash of their key, the query that locks the partners, whether all rows have one   needs: PostgreSQL 13+
WITH RECURSIVE family (oid) AS (
    SELECT pg_catalog.unnest(%(relations)s::pg_catalog.int8[])::pg_catalog.oid
    UNION
    -- a partition obeys what its parents were given
    SELECT i.inhparent FROM family JOIN pg_catalog.pg_class c ON c.oid = family.oid AND c.relispartition
    JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid
), key AS (
    SELECT k.conname::pg_catalog.text AS name, k.conrelid::pg_catalog.regclass::pg_catalog.text AS here,
           k.confrelid::pg_catalog.regclass::pg_catalog.text AS there,
           k.conrelid IN (SELECT oid FROM family)
               AND NOT k.confrelid::pg_catalog.int8 = ANY (%(relations)s::pg_catalog.int8[]) AS refers,
           CASE h.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END || k.conrelid::pg_catalog.regclass::pg_catalog.text AS rows_here,
           CASE t.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END || k.confrelid::pg_catalog.regclass::pg_catalog.text AS rows_there,
           -- MATCH SIMPLE: a NULL in the key needs no partner; MATCH FULL: all of it or nothing is NULL
           (SELECT pg_catalog.string_agg(pg_catalog.format('f.%%I IS NOT NULL', a.attname), ' AND ')
            FROM pg_catalog.unnest(k.conkey) AS u (attnum)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum) AS complete,
           CASE k.confmatchtype WHEN 'f' THEN
               (SELECT 'NOT (' || pg_catalog.string_agg(pg_catalog.format('f.%%I IS NULL', a.attname), ' AND ') || ')'
                FROM pg_catalog.unnest(k.conkey) AS u (attnum)
                JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum)
           ELSE 'false' END AS begun,
           (SELECT pg_catalog.string_agg(pg_catalog.format('f.%%I', a.attname), ', ' ORDER BY u.place)
            FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY AS u (attnum, place)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum) AS columns,
           equal.every, equal.scalar, equal.covered, k.convalidated AS valid
    FROM pg_catalog.pg_constraint k
    CROSS JOIN LATERAL (
        SELECT pg_catalog.string_agg(each.pair, ' AND '),
               coalesce(pg_catalog.string_agg(each.pair, ' AND ') FILTER (WHERE NOT each.last), 'true'),
               pg_catalog.string_agg(pg_catalog.format('f.%%I OPERATOR(pg_catalog.<@) (SELECT pg_catalog.range_agg(p.%%I)', each.here, each.there), '')
                   FILTER (WHERE each.last AND each.period)
        FROM (
            -- as the server compares them: by the collation of the partner
            SELECT pg_catalog.format('p.%%I OPERATOR(%%I.%%s) f.%%I%%s', b.attname, n.nspname, o.oprname, a.attname,
                       (SELECT pg_catalog.format(' COLLATE %%I.%%I', cn.nspname, c.collname) FROM pg_catalog.pg_collation c
                        JOIN pg_catalog.pg_namespace cn ON cn.oid = c.collnamespace WHERE c.oid = b.attcollation AND a.attcollation <> b.attcollation)) AS pair,
                   a.attname AS here, b.attname AS there, u.place = pg_catalog.cardinality(k.conkey) AS last,
                   -- 18: the last column is a period, which partners cover together
                   coalesce((pg_catalog.to_jsonb(k) ->> 'conperiod')::pg_catalog.bool, false) AS period
            FROM ROWS FROM (pg_catalog.unnest(k.conkey), pg_catalog.unnest(k.confkey), pg_catalog.unnest(k.conpfeqop)) WITH ORDINALITY AS u (here, there, equal, place)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.here
            JOIN pg_catalog.pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = u.there
            JOIN pg_catalog.pg_operator o ON o.oid = u.equal
            JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
            ORDER BY u.place
        ) AS each
    ) AS equal (every, scalar, covered)
    JOIN pg_catalog.pg_class h ON h.oid = k.conrelid
    JOIN pg_catalog.pg_class t ON t.oid = k.confrelid
    WHERE k.contype = 'f' AND k.conparentid = 0
      -- 18: one that is not enforced promises nothing
      AND coalesce((pg_catalog.to_jsonb(k) ->> 'conenforced')::pg_catalog.bool, true)
      AND (k.conrelid IN (SELECT oid FROM family) OR k.confrelid IN (SELECT oid FROM family))
)
SELECT name, here, there, refers,
       pg_catalog.format('SELECT pg_catalog.hashtextextended(ROW(%%s)::pg_catalog.text, 0), count(*) FROM %%s AS f'
                         ' WHERE %%s AND NOT coalesce(%%s FROM %%s AS p WHERE %%s), false) OR NOT (%%s) AND %%s GROUP BY 1',
                         columns, rows_here, complete, coalesce(covered, 'EXISTS (SELECT'), rows_there,
                         CASE WHEN covered IS NULL THEN every ELSE scalar END, complete, begun),
       pg_catalog.format('SELECT count(*) FROM (SELECT FROM %%s AS p WHERE EXISTS (SELECT FROM %%s AS f WHERE %%s AND %%s)'
                         ' FOR KEY SHARE OF p) AS held',
                         rows_there, rows_here, complete, every),
       valid
FROM key
ORDER BY 2, 1
