-- routines: sessions that are connected already keep the plans of routines that they have run, with the types of before.
-- A new version of its pg_proc row makes every session compile a routine anew; it takes no lock on the table.

-- make sessions compile anew what uses these tables and belongs to this role, or to one that it may act for; tell of the rest
CREATE OR REPLACE FUNCTION tzmigrate.recompile(tables regclass[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    routines oid[];
    routine record;
    others text;
BEGIN
    routines = ARRAY(
        SELECT p.oid
        FROM pg_proc p
        JOIN pg_language l ON l.oid = p.prolang
        WHERE l.lanname IN ('plpgsql', 'sql') AND p.oid >= 16384 AND p.prokind IN ('f', 'p')
          AND p.pronamespace <> 'pg_catalog'::regnamespace
          AND p.pronamespace <> coalesce(to_regnamespace('tzmigrate')::oid, 0)
          AND p.pronamespace <> 'information_schema'::regnamespace
          AND (EXISTS (SELECT FROM pg_class c WHERE c.oid = ANY (recompile.tables::oid[])
                         AND (strpos(lower(p.prosrc), lower(c.relname)) > 0
                              OR strpos(p.prosrc, replace(c.relname, '"', '""')) > 0
                              OR c.reltype = p.prorettype
                              OR c.reltype = ANY (coalesce(p.proallargtypes, p.proargtypes::oid[]))
                              OR EXISTS (SELECT FROM pg_type t WHERE t.oid = c.reltype AND t.typarray <> 0
                                           AND (t.typarray = p.prorettype
                                                OR t.typarray = ANY (coalesce(p.proallargtypes, p.proargtypes::oid[]))))))
               OR EXISTS (SELECT FROM pg_trigger g WHERE g.tgfoid = p.oid AND g.tgrelid = ANY (recompile.tables::oid[]))));
    PERFORM tzmigrate.hold_routines(routines);
    FOR routine IN
        SELECT p.oid::regprocedure::text AS signature, p.prosecdef,
            pg_has_role(current_user, p.proowner, 'USAGE') AS ours
        FROM pg_proc p WHERE p.oid = ANY (routines) ORDER BY 1
    LOOP
        IF routine.ours THEN
            EXECUTE concat('ALTER ROUTINE ', routine.signature, ' SECURITY ', CASE WHEN routine.prosecdef THEN 'DEFINER' ELSE 'INVOKER' END);
        ELSE
            others = concat_ws(', ', others, routine.signature);
        END IF;
    END LOOP;
    IF others IS NOT NULL THEN
        RAISE NOTICE USING MESSAGE = concat('sessions that have run these routines of other roles must reconnect', chr(58), ' ', others);
    END IF;
END
$tz$;
