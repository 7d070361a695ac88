-- closed_to_owners: what these materialized views cannot be refreshed for: relations that their owners, or those of views below, may not read
-- params: views text[]   gives: place (from 1), role and relation as SQL names them
-- needs: PostgreSQL 13+; search_path = pg_catalog, so that every name is printed qualified
WITH RECURSIVE reader (place, view, role) AS (
    -- one that holds no rows is not refreshed
    SELECT w.place, c.oid, c.relowner FROM unnest(%(views)s::text[]) WITH ORDINALITY AS w (name, place)
    JOIN pg_class c ON c.oid = to_regclass(w.name) AND c.relkind = 'm' AND c.relispopulated
    UNION
    SELECT r.place, v.oid, CASE WHEN EXISTS (SELECT FROM pg_options_to_table(v.reloptions) AS o WHERE o.option_name = 'security_invoker' AND o.option_value::boolean) THEN r.role ELSE v.relowner END
    FROM reader r JOIN pg_rewrite q ON q.ev_class = r.view AND q.rulename = '_RETURN'
    JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = q.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.view
    JOIN pg_class v ON v.oid = d.refobjid AND v.relkind = 'v'
)
SELECT DISTINCT r.place::int4, quote_ident(pg_get_userbyid(r.role)), d.refobjid::regclass::text
FROM reader r JOIN pg_rewrite q ON q.ev_class = r.view AND q.rulename = '_RETURN'
JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = q.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.view
JOIN pg_class c ON c.oid = d.refobjid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
-- of what is read without a column, as by count(*), any column will do
WHERE NOT has_table_privilege(r.role, d.refobjid, 'SELECT')
  AND NOT CASE WHEN d.refobjsubid > 0 THEN has_column_privilege(r.role, d.refobjid, d.refobjsubid::int2, 'SELECT') ELSE has_any_column_privilege(r.role, d.refobjid, 'SELECT') END
ORDER BY 1, 2, 3
