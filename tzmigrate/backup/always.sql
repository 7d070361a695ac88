-- always: triggers, of a user or of a key, and rules, with how they are enabled; session_replication_role = replica keeps A and R from nothing
-- params: relations int8[], parents first   gives: table, what it is, its name, how it is enabled   needs: PostgreSQL 13+
SELECT found.relation::pg_catalog.regclass::pg_catalog.text, found.kind, found.name, found.enabled
FROM pg_catalog.unnest(%(relations)s::pg_catalog.int8[]) WITH ORDINALITY AS w (oid, place)
CROSS JOIN LATERAL (
    -- before 15 those that a partition has from its parent are called internal
    SELECT t.tgrelid, CASE WHEN NOT t.tgisinternal OR t.tgparentid <> 0 AND t.tgconstrrelid = 0 THEN 'TRIGGER' ELSE 'KEY' END,
           t.tgname::pg_catalog.text, t.tgenabled::pg_catalog.text
    FROM pg_catalog.pg_trigger t WHERE t.tgrelid = w.oid::pg_catalog.oid
    UNION ALL
    SELECT r.ev_class, 'RULE', r.rulename::pg_catalog.text, r.ev_enabled::pg_catalog.text
    FROM pg_catalog.pg_rewrite r WHERE r.ev_class = w.oid::pg_catalog.oid
) AS found (relation, kind, name, enabled)
ORDER BY w.place, found.kind, found.name
