-- title: functions take and return a domain, and others call these
-- facts: 10
-- plain: ok
-- zone: Europe/Berlin
-- convert: t.at
-- zoned: since.at
-- query: SELECT {first_at()}, first_at() IS NULL
-- query: SELECT id, known(at) FROM t ORDER BY id
-- query: SELECT others, kept FROM since
-- query: INSERT INTO other (id) VALUES (1) RETURNING first_known, note
-- query: INSERT INTO guarded (id) VALUES (1) RETURNING note
-- query: CALL keep(NULL); SELECT count(*) FROM t
-- finding: TZ132 first_at()
CREATE DOMAIN moment AS timestamp;
CREATE TABLE t (id int PRIMARY KEY, at moment);
INSERT INTO t VALUES (1, '2024-01-15 12:30:00.123456'), (2, NULL), (3, '2024-07-01 00:00'), (4, 'infinity');
CREATE FUNCTION first_at() RETURNS moment LANGUAGE sql STABLE SECURITY DEFINER COST 7
    SET work_mem = '1MB' AS $$SELECT at FROM public.t WHERE id = 1$$;
CREATE FUNCTION known(VARIADIC m moment[]) RETURNS boolean LANGUAGE plpgsql IMMUTABLE
    AS $$BEGIN RETURN m IS NOT NULL AND m[1] IS NOT NULL; END$$;
CREATE PROCEDURE keep(INOUT m moment) LANGUAGE plpgsql AS $$BEGIN m := NULL; END$$;
COMMENT ON FUNCTION first_at() IS 'the first';
ALTER FUNCTION first_at() OWNER TO tzt_owner;
GRANT SELECT ON t TO tzt_owner;
REVOKE EXECUTE ON FUNCTION first_at() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION first_at() TO tzt_reader;
CREATE TABLE other (id int PRIMARY KEY, first_known boolean DEFAULT (first_at() IS NOT NULL), note text);
CREATE FUNCTION write_note() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.note := 'noted'; RETURN NEW; END$$;
CREATE TRIGGER noted BEFORE INSERT ON other FOR EACH ROW WHEN (first_at() IS NOT NULL)
    EXECUTE FUNCTION write_note();
CREATE VIEW since AS SELECT first_at() AS at, count(*) AS others, 'x'::text AS kept FROM other;
CREATE VIEW above_it AS SELECT others FROM since;
CREATE VIEW only_asks AS SELECT id FROM other WHERE first_at() IS NOT NULL;
GRANT SELECT ON since TO tzt_reader;
CREATE TABLE guarded (id int PRIMARY KEY, note text DEFAULT 'x', CHECK (first_at() IS NOT NULL OR id > 0));
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON guarded USING (first_at() IS NOT NULL) WITH CHECK (id > 0);
