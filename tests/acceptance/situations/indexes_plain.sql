-- title: every kind of plain index on the column, rebuilt by ALTER TABLE
-- facts: 2, 3
-- plain: ok
-- convert: t.a, t.b
-- query: SELECT relname, reloptions FROM pg_class
--   WHERE relkind = 'i' AND relnamespace = 2200 AND relname <> 'alembic_version_pkc' ORDER BY 1
-- query: SELECT {a} FROM t ORDER BY a DESC NULLS LAST
CREATE TABLE t (id int, a timestamp NOT NULL, b timestamp(3), note text, PRIMARY KEY (id, a));
INSERT INTO t VALUES (1, '2024-01-15 12:30:00.123456', '2024-01-15 12:30:00.123', 'a'),
    (2, 'infinity', NULL, 'b'), (3, '0044-03-15 12:00:00 BC', '-infinity', 'c');
CREATE INDEX desc_nulls ON t (b DESC NULLS LAST, a NULLS FIRST) WITH (fillfactor = 55);
CREATE INDEX hashed ON t USING hash (a);
CREATE INDEX brin ON t USING brin (a) WITH (pages_per_range = 7, autosummarize = true);
CREATE UNIQUE INDEX included ON t (id) INCLUDE (a, b);
ALTER TABLE t ADD CONSTRAINT once UNIQUE (b) DEFERRABLE INITIALLY DEFERRED;
CREATE UNIQUE INDEX identity ON t (a, id);
ALTER TABLE t REPLICA IDENTITY USING INDEX identity;
ALTER TABLE t CLUSTER ON desc_nulls;
COMMENT ON INDEX hashed IS 'equality alone';
COMMENT ON CONSTRAINT once ON t IS 'checked late';
COMMENT ON CONSTRAINT t_pkey ON t IS 'the key';
