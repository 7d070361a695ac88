-- shadow_roles: every role, to be made where it is missing
-- params: none   gives: name, attributes, roles it is a member of
-- needs: PostgreSQL 13+
SELECT r.rolname::pg_catalog.text, r.rolsuper, r.rolinherit, r.rolbypassrls,
       ARRAY(SELECT g.rolname::pg_catalog.text
             FROM pg_catalog.pg_auth_members m
             JOIN pg_catalog.pg_roles g ON g.oid = m.roleid
             WHERE m.member = r.oid ORDER BY 1)
FROM pg_catalog.pg_roles r
WHERE r.rolname !~ '^pg_'
ORDER BY 1
