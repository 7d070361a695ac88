-- title: an exclusion constraint over a stored range
-- facts: 10, 7.6
-- plain: 42804
-- convert: stays.span
CREATE TABLE stays (id int PRIMARY KEY, span tsrange,
    EXCLUDE USING gist (span WITH &&), CHECK (NOT isempty(span)),
    CHECK (lower(span) >= '2000-01-01'));
INSERT INTO stays VALUES (1, '[2024-01-01,2024-02-01)'), (2, '(2024-02-01,infinity)'),
    (3, NULL), (4, '[2000-01-01 00:00:00.000001,2000-01-02]');
