-- foreign_owners: which of these objects belong to a role that this one may not act for, or have grants of such a role
-- params: kinds text[], relations text[], names text[] (triples)   gives: place (from 1), owner
-- needs: PostgreSQL 13+
SELECT w.place::int4, min(pg_get_userbyid(o.role))
FROM ROWS FROM (unnest(%(kinds)s::text[]), unnest(%(relations)s::text[]), unnest(%(names)s::text[])) WITH ORDINALITY AS w (kind, relation, name, place),
LATERAL (
    SELECT CASE WHEN w.kind NOT IN ('function', 'row function', 'statistics', 'publication', 'domain', 'type') THEN to_regclass(w.relation) END AS relation,
           CASE WHEN w.kind IN ('function', 'row function') THEN to_regprocedure(w.relation) END AS function,
           CASE WHEN w.kind IN ('domain', 'type') THEN to_regtype(w.relation) END AS type
) AS f,
LATERAL (
    SELECT x.owner FROM (
        SELECT c.relowner FROM pg_class c WHERE c.oid = f.relation
        UNION ALL
        SELECT p.proowner FROM pg_proc p WHERE p.oid = f.function
        UNION ALL
        SELECT b.pubowner FROM pg_publication b WHERE w.kind = 'publication' AND b.pubname = w.name
        UNION ALL
        SELECT s.stxowner FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace
        WHERE w.kind = 'statistics' AND concat(quote_ident(n.nspname), '.', quote_ident(s.stxname)) = w.relation
        UNION ALL
        SELECT t.typowner FROM pg_type t WHERE t.oid = f.type
    ) AS x (owner) WHERE NOT pg_has_role(x.owner, 'USAGE')
    UNION ALL
    -- what is made anew gets its grants from the roles that gave them
    SELECT g.grantor FROM (
        SELECT c.relacl, c.relowner, c.relnamespace FROM pg_class c WHERE c.oid = f.relation AND w.kind IN ('view', 'materialized view')
        UNION ALL
        SELECT a.attacl, c.relowner, c.relnamespace FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attacl IS NOT NULL
        WHERE c.oid = f.relation AND w.kind IN ('view', 'materialized view')
        UNION ALL
        -- from 17 on a generated column keeps its place
        SELECT a.attacl, c.relowner, c.relnamespace FROM (
            WITH RECURSIVE tree (oid) AS (SELECT f.relation::oid UNION SELECT i.inhrelid FROM tree JOIN pg_inherits i ON i.inhparent = tree.oid) SELECT oid FROM tree
        ) AS tree JOIN pg_class c ON c.oid = tree.oid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = w.name AND a.attacl IS NOT NULL
        WHERE w.kind = 'generated column' AND current_setting('server_version_num')::integer < 170000
        UNION ALL
        SELECT p.proacl, p.proowner, p.pronamespace FROM pg_proc p WHERE p.oid = f.function
        UNION ALL
        SELECT t.typacl, t.typowner, t.typnamespace FROM pg_type t WHERE t.oid = f.type
    ) AS x (acl, owner, namespace), aclexplode(x.acl) AS g
    WHERE g.grantor <> x.owner
      AND NOT (pg_has_role(session_user, g.grantor, CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END)
               AND has_schema_privilege(g.grantor, x.namespace, 'USAGE'))
) AS o (role)
GROUP BY 1
ORDER BY 1
