-- title: multiranges
-- facts: 10 tsmultirange to tstzmultirange
-- min: 14
-- plain: 42804
-- zone: Europe/Berlin
-- convert: t.spans
-- query: SELECT id, {lower(spans)}, {upper(spans)}, isempty(spans) FROM t ORDER BY id
CREATE TABLE t (id int PRIMARY KEY, spans tsmultirange DEFAULT '{}');
INSERT INTO t VALUES (1, '{[2024-01-15 12:30:00.123456,2024-02-01),[2025-01-01,)}'),
    (2, NULL), (3, '{}'), (4, '{(,)}'), (5, '{[0044-03-15 12:00 BC,infinity]}');
CREATE INDEX ON t USING gist (spans);
