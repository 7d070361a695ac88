-- leaning: what leans on columns that convert, and on the views above them, each with its text and parse tree
-- params: relations oid[], attnums int2[] (pairs), views oid[]; generated columns that are made anew: remade oid[], remade_attnums int2[] (pairs),
--   whether they are dropped for it, and relations whose CHECKs stand in the way: checked oid[]; domains that are replaced: domains text[]
-- gives: shadow.Leaning
-- needs: PostgreSQL 13+; search_path = pg_catalog, so that every name is printed qualified
WITH target (relation, attnum) AS (
    SELECT * FROM ROWS FROM (unnest(%(relations)s::oid[]), unnest(%(attnums)s::int2[]))
    UNION SELECT unnest(%(views)s::oid[]), 0
), remade (relation, attnum) AS (
    SELECT * FROM ROWS FROM (unnest(%(remade)s::oid[]), unnest(%(remade_attnums)s::int2[]))
), direct (class, object) AS (
    SELECT DISTINCT d.classid, d.objid FROM remade r
    JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = r.relation AND d.refobjsubid = r.attnum
    WHERE d.deptype IN ('n', 'a')
    UNION SELECT 'pg_constraint'::regclass, k.oid FROM pg_constraint k WHERE k.conrelid = ANY (%(checked)s::oid[]) AND k.contype = 'c'
), stands (class, object) AS (
    -- what must not be there while a generated column is made anew; what stands on a dropped one goes with it
    SELECT class, object FROM direct
    UNION SELECT 'pg_constraint'::regclass, k.oid FROM direct u JOIN pg_constraint k ON u.class = 'pg_class'::regclass AND k.conindid = u.object AND k.contype IN ('p', 'u', 'x')
    UNION SELECT 'pg_class'::regclass, r.ev_class FROM direct u JOIN pg_rewrite r ON u.class = 'pg_rewrite'::regclass AND r.oid = u.object AND r.rulename = '_RETURN'
), gone (function) AS (
    -- routines of a domain that is replaced are made anew, and what calls them is out of the way meanwhile
    -- OFFSET 0, here and below: the planner would look through all types and routines
    SELECT DISTINCT o.objid FROM unnest(%(domains)s::text[]) AS n,
        LATERAL (SELECT y.oid, y.typarray FROM pg_type y WHERE y.oid = to_regtype(n) OFFSET 0) AS t,
        LATERAL (SELECT d.objid FROM pg_depend d WHERE d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.oid, t.typarray)
            AND d.classid = 'pg_proc'::regclass AND d.deptype = 'n' OFFSET 0) AS o
), calling (class, object) AS (
    SELECT d.classid, d.objid FROM gone g JOIN pg_depend d ON d.refclassid = 'pg_proc'::regclass AND d.refobjid = g.function AND d.deptype IN ('n', 'a')
), called (class, object) AS (
    SELECT class, object FROM calling
    UNION SELECT 'pg_class'::regclass, r.ev_class FROM calling u JOIN pg_rewrite r ON u.class = 'pg_rewrite'::regclass AND r.oid = u.object AND r.rulename = '_RETURN'
), used (class, object, sub) AS (
    SELECT d.classid, d.objid, d.objsubid FROM target t
    JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = t.relation AND d.refobjsubid = t.attnum
    WHERE t.attnum > 0 AND d.deptype IN ('n', 'a')
    UNION SELECT d.classid, d.objid, d.objsubid FROM unnest(%(views)s::oid[]) AS v
    JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = v WHERE d.deptype IN ('n', 'a')
    UNION SELECT class, object, 0 FROM calling
    UNION SELECT class, object, 0 FROM stands WHERE %(dropped)s OR class = 'pg_constraint'::regclass
), keyed (object, used) AS (
    -- constraints that depend on what is used, that are or refer to an index that is, or that may compute with a whole row
    SELECT object, bool_or(used) FROM (
        SELECT object, true FROM used WHERE class = 'pg_constraint'::regclass
        -- OFFSET 0 and IS TRUE: the planner would look through the dependencies of all constraints
        UNION ALL SELECT o.refobjid, true FROM used u, LATERAL (SELECT d.refobjid FROM pg_depend d
            WHERE d.classid = u.class AND d.objid = u.object AND (d.refclassid = 'pg_constraint'::regclass) IS TRUE AND d.deptype = 'i' OFFSET 0) AS o
        WHERE u.class = 'pg_class'::regclass AND u.sub = 0
        UNION ALL SELECT o.objid, true FROM used u, LATERAL (SELECT d.objid FROM pg_depend d
            WHERE d.refclassid = u.class AND d.refobjid = u.object AND d.classid = 'pg_constraint'::regclass AND d.refobjsubid = 0 OFFSET 0) AS o
        WHERE u.class = 'pg_class'::regclass AND u.sub = 0
        UNION ALL SELECT x.oid, false FROM (SELECT DISTINCT relation FROM target) AS t JOIN pg_constraint x ON x.conrelid = t.relation AND x.contype IN ('c', 'x')
    ) AS x (object, used) GROUP BY object
), indexed (index) AS (
    SELECT x.indexrelid FROM pg_index x WHERE x.indrelid IN (SELECT relation FROM target)
    UNION SELECT object FROM stands WHERE class = 'pg_class'::regclass
    UNION SELECT object FROM calling WHERE class = 'pg_class'::regclass
), refilled (index, touched) AS (
    -- it calls functions of the users, which may compute with the zone of the session that fills it
    SELECT x.indexrelid, EXISTS (SELECT FROM target t WHERE t.relation = x.indrelid AND t.attnum = ANY (x.indkey::int2[]))
    FROM pg_index x WHERE x.indrelid IN (SELECT relation FROM target) AND x.indisvalid AND (x.indexprs IS NOT NULL OR x.indpred IS NOT NULL)
      -- not by EXISTS, here and below: the planner would look through what all objects depend on
      AND (SELECT bool_or(d.refobjid >= 16384 AND (d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)
               OR d.refclassid = 'pg_type'::regclass AND (SELECT y.typtype FROM pg_type y WHERE y.oid = d.refobjid) = 'd'))
           FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = x.indexrelid)
), thing (kind, relation, name, class, object, sub, depth, text, tree, type) AS (
    SELECT CASE c.relkind WHEN 'm' THEN 'materialized view' ELSE 'view' END, c.oid::regclass::text, NULL::name, 'pg_class'::regclass::oid, c.oid, 0, v.depth,
           pg_get_viewdef(c.oid), r.ev_action::text, NULL
    FROM unnest(%(views)s::oid[]) WITH ORDINALITY AS v (view, depth) JOIN pg_class c ON c.oid = v.view
    JOIN pg_rewrite r ON r.ev_class = c.oid AND r.rulename = '_RETURN'
    UNION ALL
    SELECT 'rule', r.ev_class::regclass::text, r.rulename, 'pg_rewrite'::regclass, r.oid, 0, 0, pg_get_ruledef(r.oid), concat(r.ev_qual::text, r.ev_action::text), NULL
    FROM pg_rewrite r
    WHERE r.rulename <> '_RETURN' AND r.oid IN (SELECT x.oid FROM pg_rewrite x WHERE x.ev_class = ANY (%(views)s::oid[]) UNION SELECT object FROM used WHERE class = 'pg_rewrite'::regclass)
    UNION ALL
    SELECT 'trigger', g.tgrelid::regclass::text, g.tgname, 'pg_trigger'::regclass, g.oid, 0, 0, pg_get_triggerdef(g.oid), g.tgqual::text, NULL
    FROM pg_trigger g
    WHERE NOT g.tgisinternal AND g.tgparentid = 0
      AND g.oid IN (SELECT x.oid FROM pg_trigger x WHERE x.tgrelid = ANY (%(views)s::oid[]) UNION SELECT object FROM used WHERE class = 'pg_trigger'::regclass)
    UNION ALL
    SELECT 'policy', y.polrelid::regclass::text, y.polname, 'pg_policy'::regclass, y.oid, 0, 0,
           jsonb_build_object('using', pg_get_expr(y.polqual, y.polrelid), 'check', pg_get_expr(y.polwithcheck, y.polrelid))::text, concat(y.polqual::text, y.polwithcheck::text), NULL
    FROM pg_policy y
    WHERE y.oid IN (SELECT object FROM used WHERE class = 'pg_policy'::regclass)
       OR y.polrelid IN (SELECT relation FROM target) AND strpos(concat(y.polqual::text, y.polwithcheck::text), ':varattno 0 ') > 0
    UNION ALL
    -- a check that a child has of its own as well goes after that of its parent, and comes back before it
    SELECT 'constraint', k.conrelid::regclass::text, k.conname, 'pg_constraint'::regclass, k.oid, 0,
           (WITH RECURSIVE above (relation) AS (SELECT k.conrelid UNION SELECT h.inhparent FROM above JOIN pg_inherits h ON h.inhrelid = above.relation) SELECT 1 - count(*) FROM above),
           pg_get_constraintdef(k.oid),
           concat(k.conbin::text, i.indexprs::text, i.indpred::text), k.contype::text
    FROM keyed n JOIN pg_constraint k ON k.oid = n.object LEFT JOIN pg_index i ON i.indexrelid = k.conindid AND k.contype = 'x'
    WHERE n.used AND (k.contype = 'f' AND k.conparentid = 0 OR k.contype = 'c' AND (k.conislocal OR k.coninhcount = 0) AND k.conrelid <> 0
           OR k.contype = 'x' AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL) AND k.conparentid = 0
           OR k.contype IN ('p', 'u', 'x') AND k.conparentid = 0 AND k.oid IN (SELECT object FROM stands WHERE class = 'pg_constraint'::regclass))
       OR NOT n.used AND k.contype = 'c' AND (k.conislocal OR k.coninhcount = 0) AND strpos(k.conbin::text, ':varattno 0 ') > 0
       OR NOT n.used AND k.contype = 'x' AND k.conparentid = 0 AND k.conindid IN (SELECT index FROM refilled)
    UNION ALL
    SELECT 'index', c.oid::regclass::text, NULL, 'pg_class'::regclass, c.oid, 0, 0, pg_get_indexdef(c.oid), concat(i.indexprs::text, i.indpred::text), NULL
    FROM indexed n JOIN pg_index i ON i.indexrelid = n.index JOIN pg_class c ON c.oid = i.indexrelid
    WHERE NOT c.relispartition
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_constraint'::regclass AND d.deptype = 'i')
      AND (i.indrelid = ANY (%(views)s::oid[]) OR c.oid IN (SELECT index FROM refilled) OR c.oid IN (SELECT object FROM calling WHERE class = 'pg_class'::regclass)
           OR c.oid IN (SELECT object FROM stands WHERE class = 'pg_class'::regclass) AND (%(dropped)s OR i.indisunique)
           OR (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL) AND (
                EXISTS (SELECT FROM target t WHERE t.relation = i.indrelid AND strpos(concat(i.indexprs::text, i.indpred::text), concat(':varattno ', t.attnum, ' ')) > 0)
                OR strpos(concat(i.indexprs::text, i.indpred::text), ':varattno 0 ') > 0 AND i.indrelid IN (SELECT relation FROM target))
           OR EXISTS (SELECT FROM unnest(i.indkey::int2[], i.indclass::oid[]) AS x (attnum, class) JOIN pg_opclass o ON o.oid = x.class
                      WHERE NOT o.opcdefault AND o.opcintype IN ('timestamp'::regtype, 'timestamptz'::regtype) AND (i.indrelid, x.attnum) IN (SELECT relation, attnum FROM target)))
    UNION ALL
    SELECT 'statistics', concat(quote_ident(n.nspname), '.', quote_ident(x.stxname)), NULL, 'pg_statistic_ext'::regclass, x.oid, 0, 0,
           pg_get_statisticsobjdef(x.oid), to_jsonb(x) ->> 'stxexprs', NULL
    FROM pg_statistic_ext x JOIN pg_namespace n ON n.oid = x.stxnamespace
    WHERE x.stxrelid = ANY (%(views)s::oid[])
       OR %(dropped)s AND x.oid IN (SELECT object FROM stands WHERE class = 'pg_statistic_ext'::regclass)
       OR to_jsonb(x) ->> 'stxexprs' IS NOT NULL AND x.oid IN (SELECT object FROM used WHERE class = 'pg_statistic_ext'::regclass)
    UNION ALL
    SELECT 'generated column', a.attrelid::regclass::text, a.attname, 'pg_class'::regclass, a.attrelid, a.attnum, 0, pg_get_expr(e.adbin, e.adrelid), e.adbin::text, format_type(a.atttypid, a.atttypmod)
    FROM pg_attrdef e JOIN pg_attribute a ON a.attrelid = e.adrelid AND a.attnum = e.adnum
    WHERE a.attgenerated <> '' AND a.attinhcount = 0 AND e.oid IN (
        SELECT object FROM used WHERE class = 'pg_attrdef'::regclass
        UNION SELECT x.oid FROM (SELECT object, sub FROM used WHERE class = 'pg_class'::regclass AND sub > 0
            UNION SELECT relation, attnum FROM target UNION SELECT relation, attnum FROM remade) AS c (relation, attnum)
        JOIN pg_attrdef x ON x.adrelid = c.relation AND x.adnum = c.attnum)
    UNION ALL
    SELECT 'default', a.attrelid::regclass::text, a.attname, 'pg_class'::regclass, a.attrelid, a.attnum, 0, pg_get_expr(e.adbin, e.adrelid), e.adbin::text, format_type(a.atttypid, a.atttypmod)
    FROM pg_attrdef e JOIN pg_attribute a ON a.attrelid = e.adrelid AND a.attnum = e.adnum
    WHERE e.oid IN (SELECT x.oid FROM pg_attrdef x WHERE x.adrelid = ANY (%(views)s::oid[]) UNION SELECT object FROM calling WHERE class = 'pg_attrdef'::regclass)
      AND (a.attrelid = ANY (%(views)s::oid[]) OR a.attgenerated = '')
    UNION ALL
    SELECT 'function', p.oid::regprocedure::text, NULL, 'pg_proc'::regclass, p.oid, 0, 0, pg_get_functiondef(p.oid), to_jsonb(p) ->> 'prosqlbody', NULL
    FROM pg_proc p WHERE to_jsonb(p) ->> 'prosqlbody' IS NOT NULL AND p.oid IN (SELECT object FROM used WHERE class = 'pg_proc'::regclass)
    UNION ALL
    -- what takes or returns rows of a view cannot stay while the view is made anew, nor that of a domain's values
    SELECT 'row function', p.oid::regprocedure::text, NULL, 'pg_proc'::regclass, p.oid, 0, 0, pg_get_functiondef(p.oid), '', NULL
    FROM pg_proc p WHERE p.prokind <> 'a' AND p.oid IN (SELECT o.objid FROM pg_class c,
        LATERAL (SELECT y.oid, y.typarray FROM pg_type y WHERE y.oid = c.reltype OFFSET 0) AS t,
        LATERAL (SELECT d.objid FROM pg_depend d WHERE d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.oid, t.typarray)
            AND d.classid = 'pg_proc'::regclass AND d.deptype = 'n' OFFSET 0) AS o
        WHERE c.oid = ANY (%(views)s::oid[])
        UNION SELECT g.function FROM gone g)
    UNION ALL
    SELECT 'publication', r.prrelid::regclass::text, p.pubname, 'pg_publication_rel'::regclass, r.oid, 0, 0,
           jsonb_build_object('where', pg_get_expr(q.tree, r.prrelid), 'columns', (SELECT jsonb_agg(a.attname ORDER BY a.attnum) FROM pg_attribute a
               WHERE a.attrelid = r.prrelid AND a.attnum IN (SELECT n::int2 FROM jsonb_array_elements_text(nullif(to_jsonb(r) -> 'prattrs', 'null')) AS n)))::text, q.tree::text, NULL
    FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid, LATERAL (SELECT {publication_filter} AS tree) AS q
    WHERE r.oid IN (SELECT object FROM used WHERE class = 'pg_publication_rel'::regclass)
)
SELECT kind, relation, name, class::int8, object::int8, sub, depth::int4, text, coalesce(tree, ''), coalesce(type, ''),
       (class, object) IN (SELECT s.class, s.object FROM stands s) AND (%(dropped)s OR kind IN ('constraint', 'index'))
       OR (class, object) IN (SELECT c.class, c.object FROM called c) OR kind = 'row function' AND object IN (SELECT g.function FROM gone g) OR kind = 'default' AND object <> ALL (%(views)s::oid[])
       OR kind = 'index' AND object IN (SELECT f.index FROM refilled f WHERE f.touched),
       -- what comes with PostgreSQL calls them as well, where it has a text run
       kind IN ('constraint', 'generated column') AND (strpos(tree, ':varattno 0 ') > 0
           -- before 15 what an expression uses is written down for the column, since then for its pg_attrdef
           OR (SELECT bool_or(d.refobjid >= 16384 AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass))
               FROM (SELECT class, object, sub UNION ALL SELECT 'pg_attrdef'::regclass, e.oid, 0 FROM pg_attrdef e WHERE e.adrelid = object AND e.adnum = sub) AS u (c, o, s),
               LATERAL (SELECT d.refclassid, d.refobjid FROM pg_depend d WHERE d.classid = u.c AND d.objid = u.o AND d.objsubid = u.s OFFSET 0) AS d)
           -- of a value that is read only, nothing but the tree names the type
           OR EXISTS (SELECT FROM regexp_matches(tree, ':(?:vartype|consttype|funcresulttype|opresulttype|resulttype|typid|paramtype|array_typeid|row_typeid|aggtype) ([0-9]+)', 'g') AS m
                      WHERE m[1]::oid >= 16384)
           OR EXISTS (SELECT FROM regexp_matches(tree, ':(?:funcid|opfuncid) ([0-9]+)', 'g') AS m JOIN pg_proc p ON p.oid = m[1]::oid
                      WHERE p.oid >= 16384 OR p.provolatile = 'v' OR strpos(p.proname, '_to_xml') > 0
                         -- what reads a value of a type that it is given by number or name asks the CHECKs of a domain in it. No other stable function
                         -- of PostgreSQL does, and most of what compares or prints a moment is stable
                         OR 'cstring'::regtype = ANY (p.proargtypes::oid[]) OR starts_with(p.proname, 'pg_input_'))
           -- a cast of such a type may get a function at any time
           OR (SELECT bool_or(a.atttypid >= 16384)
               FROM (SELECT k.conrelid, unnest(k.conkey) FROM pg_constraint k WHERE kind = 'constraint' AND k.oid = object AND k.contype = 'f'
                     UNION ALL SELECT k.confrelid, unnest(k.confkey) FROM pg_constraint k WHERE kind = 'constraint' AND k.oid = object AND k.contype = 'f') AS u (relation, attnum),
               LATERAL (SELECT b.atttypid FROM pg_attribute b WHERE b.attrelid = u.relation AND b.attnum = u.attnum OFFSET 0) AS a)
           OR kind = 'generated column' AND (SELECT a.atttypid >= 16384 FROM pg_attribute a WHERE a.attrelid = object AND a.attnum = sub)),
       kind IN ('index', 'constraint') AND (object IN (SELECT f.index FROM refilled f)
           OR (SELECT k.conindid FROM pg_constraint k WHERE k.oid = object AND k.contype = 'x') IN (SELECT f.index FROM refilled f)),
       ARRAY(SELECT DISTINCT CASE d.refclassid WHEN 'pg_proc'::regclass THEN d.refobjid::regprocedure::text ELSE d.refobjid::regoperator::text END
             FROM (SELECT class, object, sub
                   UNION ALL SELECT 'pg_attrdef'::regclass, e.oid, 0 FROM pg_attrdef e WHERE e.adrelid = object AND e.adnum = sub
                   UNION ALL SELECT 'pg_rewrite'::regclass, r.oid, 0 FROM pg_rewrite r WHERE class = 'pg_class'::regclass AND r.ev_class = object AND r.rulename = '_RETURN'
                   UNION ALL SELECT 'pg_class'::regclass, k.conindid, 0 FROM pg_constraint k WHERE kind = 'constraint' AND k.oid = object AND k.contype = 'x') AS u (c, o, s),
             LATERAL (SELECT d.refclassid, d.refobjid FROM pg_depend d WHERE d.classid = u.c AND d.objid = u.o AND d.objsubid = u.s OFFSET 0) AS d
             WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass) AND d.refobjid >= 16384)
FROM thing
ORDER BY kind, depth, relation, name
