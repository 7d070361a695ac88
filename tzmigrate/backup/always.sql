-- always: triggers and rules that session_replication_role = replica does not keep from acting
-- params: relations int8[]   gives: table, what it is, its name, how it is enabled   needs: PostgreSQL 13+
SELECT t.tgrelid::pg_catalog.regclass::pg_catalog.text, 'TRIGGER', t.tgname::pg_catalog.text, t.tgenabled::pg_catalog.text
FROM pg_catalog.pg_trigger t
WHERE t.tgrelid::pg_catalog.int8 = ANY (%(relations)s::pg_catalog.int8[]) AND NOT t.tgisinternal AND t.tgenabled IN ('A', 'R')
UNION ALL
SELECT r.ev_class::pg_catalog.regclass::pg_catalog.text, 'RULE', r.rulename::pg_catalog.text, r.ev_enabled::pg_catalog.text
FROM pg_catalog.pg_rewrite r
WHERE r.ev_class::pg_catalog.int8 = ANY (%(relations)s::pg_catalog.int8[]) AND r.ev_enabled IN ('A', 'R')
ORDER BY 1, 2, 3
