-- foreign_owners: which of these objects belong to a role that this one may not act for
-- params: kinds text[], relations text[], names text[] (triples)   gives: place (from 1), owner
-- needs: PostgreSQL 13+
SELECT w.place::int4, pg_get_userbyid(o.owner)
FROM ROWS FROM (unnest(%(kinds)s::text[]), unnest(%(relations)s::text[]), unnest(%(names)s::text[])) WITH ORDINALITY AS w (kind, relation, name, place),
LATERAL (
    SELECT c.relowner FROM pg_class c
    WHERE c.oid = CASE WHEN w.kind NOT IN ('function', 'row function', 'statistics', 'publication', 'domain', 'type') THEN to_regclass(w.relation) END
    UNION ALL
    SELECT p.proowner FROM pg_proc p WHERE p.oid = CASE WHEN w.kind IN ('function', 'row function') THEN to_regprocedure(w.relation) END
    UNION ALL
    SELECT b.pubowner FROM pg_publication b WHERE w.kind = 'publication' AND b.pubname = w.name
    UNION ALL
    SELECT s.stxowner FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace
    WHERE w.kind = 'statistics' AND concat(quote_ident(n.nspname), '.', quote_ident(s.stxname)) = w.relation
    UNION ALL
    SELECT t.typowner FROM pg_type t WHERE t.oid = CASE WHEN w.kind IN ('domain', 'type') THEN to_regtype(w.relation) END
) AS o (owner)
WHERE NOT pg_has_role(o.owner, 'USAGE')
ORDER BY 1
