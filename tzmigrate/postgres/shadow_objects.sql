-- shadow_objects: the names of objects, and the relation that each belongs to
-- params: catalogs oid[], objects oid[]
-- gives: number from 1 on, type, identity, OID of the relation or 0
-- needs: PostgreSQL 13+
SELECT w.number, i.type, i.identity,
       coalesce(
         CASE w.catalog
           WHEN 'pg_catalog.pg_constraint'::pg_catalog.regclass THEN
             (SELECT x.conrelid FROM pg_catalog.pg_constraint x WHERE x.oid = w.object)
           WHEN 'pg_catalog.pg_class'::pg_catalog.regclass THEN
             (SELECT x.indrelid FROM pg_catalog.pg_index x WHERE x.indexrelid = w.object)
           WHEN 'pg_catalog.pg_trigger'::pg_catalog.regclass THEN
             (SELECT x.tgrelid FROM pg_catalog.pg_trigger x WHERE x.oid = w.object)
           WHEN 'pg_catalog.pg_policy'::pg_catalog.regclass THEN
             (SELECT x.polrelid FROM pg_catalog.pg_policy x WHERE x.oid = w.object)
           WHEN 'pg_catalog.pg_attrdef'::pg_catalog.regclass THEN
             (SELECT x.adrelid FROM pg_catalog.pg_attrdef x WHERE x.oid = w.object)
           WHEN 'pg_catalog.pg_rewrite'::pg_catalog.regclass THEN
             (SELECT x.ev_class FROM pg_catalog.pg_rewrite x WHERE x.oid = w.object)
           WHEN 'pg_catalog.pg_publication_rel'::pg_catalog.regclass THEN
             (SELECT x.prrelid FROM pg_catalog.pg_publication_rel x
              WHERE x.oid = w.object)
           WHEN 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass THEN
             (SELECT x.stxrelid FROM pg_catalog.pg_statistic_ext x
              WHERE x.oid = w.object)
         END, 0)::pg_catalog.int8
FROM ROWS FROM (
       pg_catalog.unnest(%(catalogs)s::pg_catalog.oid[]),
       pg_catalog.unnest(%(objects)s::pg_catalog.oid[])
     ) WITH ORDINALITY AS w (catalog, object, number)
CROSS JOIN LATERAL pg_catalog.pg_identify_object(w.catalog, w.object, 0) AS i
ORDER BY 1
