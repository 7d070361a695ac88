-- system_identifier: the cluster's identity; managed servers may forbid the question
-- gives: one text   needs: PostgreSQL 13+
SELECT system_identifier::pg_catalog.text FROM pg_catalog.pg_control_system()
