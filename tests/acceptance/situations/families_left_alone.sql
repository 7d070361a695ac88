-- title: dates, times, text and JSON that look like moments are left alone
-- facts: 10 date, issue 3 point 2
-- plain: ok
-- convert: t.at
CREATE TABLE t (id int PRIMARY KEY, at timestamp, day date, clock time, text text, j jsonb,
    zoned timestamptz, days daterange, zones tstzrange, span interval);
INSERT INTO t VALUES (1, '2024-01-15 12:30:00.123456', '2024-01-15', '12:30',
    '2024-01-15 12:30:00', '{"at": "2024-01-15T12:30:00"}', '2024-01-15 12:30+00',
    '[2024-01-15,)', '[2024-01-15 00:00+00,)', '1 day');
INSERT INTO t VALUES (2, NULL), (3, 'infinity'), (4, '0044-03-15 12:00 BC');
