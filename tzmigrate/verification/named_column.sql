-- named_column: the column that a name stands for, with what decides whether it can be adopted
-- params: parts text[], the three parts of the name as SQL reads it, or NULL; name text, as it was written
-- gives: verification.handmade.Found   needs: PostgreSQL 13+
WITH RECURSIVE named AS (
    SELECT a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, c.relkind, c.relowner, n.nspname, c.relname
    FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
      AND (ARRAY[n.nspname, c.relname, a.attname]::text[] = %(parts)s OR concat_ws('.', n.nspname, c.relname, a.attname) = %(name)s)
    ORDER BY ARRAY[n.nspname, c.relname, a.attname]::text[] = %(parts)s DESC NULLS LAST, 1, 2 LIMIT 1
), above (relation) AS (
    -- what gives the column to a partition or child
    SELECT i.inhparent FROM named AS n JOIN pg_inherits AS i ON i.inhrelid = n.attrelid
    JOIN pg_attribute AS a ON a.attrelid = i.inhparent AND a.attname = n.attname AND NOT a.attisdropped
    UNION
    SELECT i.inhparent FROM above AS u JOIN pg_inherits AS i ON i.inhrelid = u.relation JOIN named AS n ON true
    JOIN pg_attribute AS a ON a.attrelid = i.inhparent AND a.attname = n.attname AND NOT a.attisdropped
), now_like AS (
    SELECT a.attnum, a.attname, a.atttypid FROM named AS n JOIN pg_attribute AS a ON a.attrelid = n.attrelid AND NOT a.attisdropped AND a.attgenerated = ''
    JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE pg_get_expr(d.adbin, d.adrelid) ~ '\m(now|clock_timestamp|statement_timestamp|transaction_timestamp)\(\)|\m(CURRENT_TIMESTAMP|LOCALTIMESTAMP)\M'
)
SELECT n.nspname::text AS schema, n.relname::text AS relation, n.attname::text AS "column", n.attrelid::bigint AS oid, n.relkind::text,
       format_type(n.atttypid, n.atttypmod) AS type, pg_get_userbyid(n.relowner)::text AS owner, pg_has_role(n.relowner, 'USAGE') AS owned,
       (SELECT min(concat_ws('.', quote_ident(s.nspname), quote_ident(c.relname))) FROM above AS u JOIN pg_class AS c ON c.oid = u.relation
        JOIN pg_namespace AS s ON s.oid = c.relnamespace WHERE NOT EXISTS (SELECT FROM above AS v JOIN pg_inherits AS i ON i.inhparent = v.relation WHERE i.inhrelid = u.relation)) AS root,
       EXISTS (SELECT FROM pg_attrdef AS d WHERE d.adrelid = n.attrelid AND d.adnum = n.attnum) AS has_default,
       EXISTS (SELECT FROM now_like AS l WHERE l.attnum = n.attnum) AS now_like,
       ARRAY(SELECT l.attname::text FROM now_like AS l WHERE l.atttypid = 'timestamptz'::regtype AND l.attnum <> n.attnum ORDER BY l.attnum) AS siblings,
       (SELECT jsonb_object_agg(a.attname, format_type(a.atttypid, a.atttypmod)) FROM pg_attribute AS a
        WHERE a.attrelid = n.attrelid AND a.attnum > 0 AND NOT a.attisdropped) AS types,
       -- the primary key, else the smallest unique index over columns that are NOT NULL
       coalesce((SELECT array_agg(a.attname::text ORDER BY u.place) FROM pg_index AS i CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS u (attnum, place)
                 JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = u.attnum
                 WHERE i.indrelid = n.attrelid AND i.indisunique AND i.indisvalid AND i.indimmediate AND NOT i.indisexclusion
                   AND i.indpred IS NULL AND i.indexprs IS NULL AND u.place <= i.indnkeyatts
                 GROUP BY i.indexrelid, i.indisprimary HAVING bool_and(a.attnotnull)
                 ORDER BY i.indisprimary DESC, count(*), sum(CASE WHEN a.attlen > 0 THEN a.attlen ELSE 1000 END), i.indexrelid LIMIT 1), '{}') AS key
FROM named AS n
