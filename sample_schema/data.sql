-- Rows for schema.sql, the same on every run: each value follows from its row number.
-- params: sample_schema.rows (a setting, default 1000)
--         psql -v ON_ERROR_STOP=1 -c 'SET sample_schema.rows = 5000' -f data.sql
-- No value is read from the clock, from random() or from the session's zone.

SET search_path = pg_catalog;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, MDY';

-- How many rows the caller asked for.
CREATE FUNCTION pg_temp.total() RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT COALESCE(NULLIF(current_setting('sample_schema.rows', true), ''), '1000')::bigint
$$;

-- A number in 0 .. choices - 1. Hash partitions are stored by this function, so
-- PostgreSQL keeps its results the same from version to version.
CREATE FUNCTION pg_temp.pick(i bigint, salt bigint, choices bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
    SELECT (hashint8extended(i, salt) & 9223372036854775807) % choices
$$;

CREATE FUNCTION pg_temp.chance(i bigint, salt bigint, percent bigint) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT pg_temp.pick(i, salt, 100) < percent
$$;

-- The i-th of n moments spread over four years, at every hour of the day.
CREATE FUNCTION pg_temp.tick(i bigint, n bigint) RETURNS timestamp
LANGUAGE sql IMMUTABLE AS $$
    SELECT timestamp '2021-01-01 00:00:00'
         + interval '1 microsecond' * (126230400000000 / n * i)
$$;

-- Up to `days` days, to the microsecond.
CREATE FUNCTION pg_temp.span(i bigint, salt bigint, days bigint) RETURNS interval
LANGUAGE sql IMMUTABLE AS $$
    SELECT interval '1 microsecond' * pg_temp.pick(i, salt, days * 86400000000)
$$;

-- A quarter of an hour between 08:00 and 18:45: never in a DST gap or overlap.
CREATE FUNCTION pg_temp.daytime(i bigint, salt bigint) RETURNS timestamp
LANGUAGE sql IMMUTABLE AS $$
    SELECT timestamp '2021-01-01 08:00:00'
         + interval '1 day' * pg_temp.pick(i, salt, 1461)
         + interval '15 minutes' * pg_temp.pick(i, salt + 1000, 44)
$$;

-- Ordinary tables -------------------------------------------------------------

INSERT INTO app.users
    (id, email, display_name, created_at, updated_at, last_login_at, deleted_at)
SELECT i,
       'learner' || i || '@example.org',
       'Learner ' || i,
       pg_temp.tick(i, n),
       pg_temp.tick(i, n) + pg_temp.span(i, 1, 300),
       CASE WHEN i % 50 = 1 THEN timestamp '0001-01-01 00:00:00'
            WHEN pg_temp.chance(i, 2, 80)
            THEN pg_temp.tick(i, n) + pg_temp.span(i, 3, 300) END,
       CASE WHEN pg_temp.chance(i, 4, 5)
            THEN pg_temp.tick(i, n) + pg_temp.span(i, 5, 400) END
FROM pg_temp.total() AS n, generate_series(1, n) AS i;

INSERT INTO app.sessions
    (token, user_id, started_at, last_seen_at, expires_at, revoked_at)
SELECT 's' || i || '-' || to_hex(pg_temp.pick(i, 10, 4294967296)),
       1 + pg_temp.pick(i, 11, n),
       pg_temp.tick(i, 2 * n),
       pg_temp.tick(i, 2 * n) + pg_temp.span(i, 12, 20),
       CASE WHEN i % 40 = 1 THEN timestamp 'infinity'
            ELSE pg_temp.tick(i, 2 * n) + interval '30 days' END,
       CASE WHEN pg_temp.chance(i, 13, 10)
            THEN pg_temp.tick(i, 2 * n) + pg_temp.span(i, 14, 25) END
FROM pg_temp.total() AS n, generate_series(1, 2 * n) AS i;

INSERT INTO app.questions (id, body, created_at, retired_at, reviewed_at)
SELECT i,
       'Question ' || i,
       pg_temp.tick(i, 50),
       CASE WHEN i % 10 = 0 THEN pg_temp.tick(i, 50) + interval '2 years' END,
       (pg_temp.tick(i, 50) + pg_temp.span(i, 20, 9)) AT TIME ZONE 'UTC'
FROM generate_series(1, 50) AS i;

INSERT INTO app.question_attempts
    (id, user_id, question_id, correct, started_at, answered_at, graded_at)
SELECT i,
       1 + pg_temp.pick(i, 30, n),
       1 + pg_temp.pick(i, 31, 50),
       pg_temp.chance(i, 32, 70),
       pg_temp.tick(i, 5 * n),
       CASE WHEN pg_temp.chance(i, 33, 92)
            THEN pg_temp.tick(i, 5 * n)
               + interval '1 microsecond' * pg_temp.pick(i, 34, 90000000) END,
       CASE WHEN pg_temp.chance(i, 35, 60)
            THEN pg_temp.tick(i, 5 * n) + pg_temp.span(i, 36, 3) END
FROM pg_temp.total() AS n, generate_series(1, 5 * n) AS i;

INSERT INTO app.cards
    (id, user_id, front, suspended, ease, created_at, next_review_at,
     last_reviewed_at, graduated_at)
SELECT i,
       1 + pg_temp.pick(i, 40, n),
       'Card ' || i,
       pg_temp.chance(i, 41, 7),
       1.30 + pg_temp.pick(i, 42, 170) / 100.0,
       date_trunc('second', pg_temp.tick(i, 2 * n)),
       CASE WHEN pg_temp.chance(i, 41, 7) THEN timestamp 'infinity'
            ELSE pg_temp.tick(i, 2 * n) + pg_temp.span(i, 43, 120) END,
       CASE WHEN pg_temp.chance(i, 44, 75)
            THEN pg_temp.tick(i, 2 * n) + pg_temp.span(i, 45, 30) END,
       CASE WHEN pg_temp.chance(i, 46, 20)
            THEN pg_temp.tick(i, 2 * n) + interval '200 days' END
FROM pg_temp.total() AS n, generate_series(1, 2 * n) AS i;

INSERT INTO app.card_reviews (card_id, reviewed_at, scheduled_for, grade)
SELECT i,
       pg_temp.tick(i, 2 * n) + interval '10 days' * turn + pg_temp.span(i, turn, 5),
       CASE WHEN turn > 1
            THEN pg_temp.tick(i, 2 * n) + interval '10 days' * turn END,
       1 + pg_temp.pick(i, 50 + turn, 4)
FROM pg_temp.total() AS n, generate_series(1, 2 * n) AS i,
     generate_series(1, 2) AS turn;

INSERT INTO app.enrolments
    (user_id, course_no, enrolled_at, completed_at, certificate_until)
SELECT i,
       course,
       date_trunc('day', pg_temp.tick(i, n)) + interval '1 day' * course,
       CASE WHEN pg_temp.chance(i, 60 + course, 40)
            THEN pg_temp.tick(i, n) + interval '90 days' END,
       CASE WHEN pg_temp.chance(i, 65 + course, 40) THEN timestamp 'infinity' END
FROM pg_temp.total() AS n, generate_series(1, n) AS i,
     generate_series(1, 1 + i % 2) AS course;

-- New York local time. The first ten rows are the night owls' room: four rows start
-- in a DST gap, five in an overlap (two of them one pair), and one only ends in an
-- overlap. All other values are in daytime.
INSERT INTO app.bookings
    (id, user_id, room, starts_at, ends_at, booked_at, cancelled_at)
SELECT i, 1, 'night owls', start, start + interval '90 minutes',
       date_trunc('day', start) - interval '6 hours', NULL
FROM (VALUES (1, timestamp '2021-03-14 02:30:00'),
             (2, timestamp '2022-03-13 02:00:00'),
             (3, timestamp '2023-03-12 02:59:59.999999'),
             (4, timestamp '2024-03-10 02:15:00.000001'),
             (5, timestamp '2021-11-07 01:30:00'),
             (6, timestamp '2021-11-07 01:30:00'),
             (7, timestamp '2022-11-06 01:00:00'),
             (8, timestamp '2023-11-05 01:59:59.999999'),
             (9, timestamp '2024-11-03 01:45:00'),
             (10, timestamp '2024-11-03 00:15:00')) AS night (i, start);
INSERT INTO app.bookings
    (id, user_id, room, starts_at, ends_at, booked_at, cancelled_at)
SELECT 10 + i,
       1 + pg_temp.pick(i, 70, n),
       'room ' || i % 6,
       pg_temp.daytime(i, 71),
       pg_temp.daytime(i, 71) + interval '90 minutes',
       pg_temp.daytime(i, 71) - interval '1 day' * (1 + pg_temp.pick(i, 72, 20)),
       CASE WHEN pg_temp.chance(i, 73, 12)
            THEN pg_temp.daytime(i, 71) - interval '2 minutes' END
FROM pg_temp.total() AS n, generate_series(1, n) AS i;

-- New York local time, free of gap and overlap values.
INSERT INTO app.store_hours
    (id, store, opens_at, closes_at, announced_at, valid_until)
SELECT i,
       'store ' || i % 5,
       day + interval '9 hours' + interval '15 minutes' * pg_temp.pick(i, 80, 4),
       day + interval '17 hours' + interval '15 minutes' * pg_temp.pick(i, 81, 20),
       day - interval '7 days' + interval '12 hours 34 minutes 56.789012 seconds',
       CASE WHEN i % 3 = 0 THEN day + interval '20 hours'
            ELSE timestamp 'infinity' END
FROM generate_series(1, GREATEST(100, pg_temp.total() / 5)) AS i,
     LATERAL (SELECT timestamp '2021-01-04' + interval '1 day' * (i / 5)) AS d (day);

INSERT INTO app.audit_log (id, actor_id, action, payload, happened_at, recorded_at)
SELECT i,
       CASE WHEN i % 11 > 0 THEN 1 + pg_temp.pick(i, 90, n) END,
       (ARRAY['login', 'answer', 'review', 'book', 'pay'])[1 + pg_temp.pick(i, 91, 5)],
       jsonb_build_object('n', i, 'at', pg_temp.tick(i, 5 * n)),
       pg_temp.tick(i, 5 * n),
       pg_temp.tick(i, 5 * n)
           + interval '1 microsecond' * pg_temp.pick(i, 92, 250000)
FROM pg_temp.total() AS n, generate_series(1, 5 * n) AS i;

INSERT INTO app."Order"
    ("Id", "user", "placedAt", "Shipped At", "paid.at", "timezone")
SELECT i,
       1 + pg_temp.pick(i, 100, n),
       pg_temp.tick(i, n),
       CASE WHEN pg_temp.chance(i, 101, 80)
            THEN pg_temp.tick(i, n) + pg_temp.span(i, 102, 9) END,
       CASE WHEN i % 20 = 0 THEN timestamp '-infinity'
            ELSE pg_temp.tick(i, n) + pg_temp.span(i, 103, 1) END,
       CASE WHEN i % 4 = 0 THEN pg_temp.tick(i, n) + interval '1 year' END
FROM pg_temp.total() AS n, generate_series(1, n) AS i;

INSERT INTO app."Exam Results"
    ("Student", "Exam", "Taken At", "graded:at", "50% due", "it's ""final""")
SELECT i,
       'Exam ' || i % 12,
       pg_temp.tick(i, n),
       CASE WHEN pg_temp.chance(i, 110, 90)
            THEN pg_temp.tick(i, n) + pg_temp.span(i, 111, 14) END,
       CASE WHEN i % 2 = 0 THEN timestamp '2030-06-30 23:59:59.999999'
            ELSE pg_temp.tick(i, n) + interval '60 days' END,
       CASE WHEN pg_temp.chance(i, 112, 50)
            THEN pg_temp.tick(i, n) + interval '30 days' END
FROM pg_temp.total() AS n, generate_series(1, n) AS i;

INSERT INTO app.lessons
    (id, course_no, title, available_from, available_until, drafted_at, taught_at)
SELECT i,
       1 + i % 20,
       'Lesson ' || i,
       CASE WHEN i % 10 = 0 THEN timestamp '-infinity' ELSE pg_temp.tick(i, 200) END,
       CASE WHEN i % 4 = 0 THEN pg_temp.tick(i, 200) + interval '400 days'
            ELSE timestamp 'infinity' END,
       pg_temp.tick(i, 200) - pg_temp.span(i, 120, 90),
       CASE WHEN i % 3 > 0
            THEN (pg_temp.tick(i, 200) + pg_temp.span(i, 121, 30)) AT TIME ZONE 'UTC' END
FROM generate_series(1, 200) AS i;

INSERT INTO app.historical_figures (id, name, born_at, died_at, entered_at)
VALUES (1, 'Unknown', '0001-01-01 00:00:00', NULL, '2021-02-01 10:00:00'),
       (2, 'Ada Lovelace', '1815-12-10 00:00:00', '1852-11-27 21:30:00',
        '2021-02-01 10:05:00.000001'),
       (3, 'Leonhard Euler', '1707-04-15 00:00:00', '1783-09-18 23:00:00',
        '2021-02-01 10:06:00.5'),
       (4, 'Hypatia', '0370-01-01 12:00:00', '0415-03-08 12:00:00',
        '2021-02-01 10:07:00.999999'),
       (5, 'Pythagoras', '0570-06-01 00:00:00 BC', '0495-01-01 00:00:00 BC',
        '2021-02-01 10:08:00'),
       (6, 'Emmy Noether', '1882-03-23 04:15:00', '1935-04-14 13:00:00',
        '2021-02-01 10:09:00'),
       (7, 'The Immortal', '-infinity', 'infinity', '2021-02-01 10:10:00');
INSERT INTO app.historical_figures (id, name, born_at, died_at, entered_at)
SELECT 7 + i,
       'Figure ' || i,
       timestamp '1600-01-01 00:00:00' + pg_temp.span(i, 130, 100000),
       CASE WHEN i % 8 > 0
            THEN timestamp '1900-01-01 00:00:00' + pg_temp.span(i, 131, 30000) END,
       pg_temp.tick(i, 120)
FROM generate_series(1, 120) AS i;

INSERT INTO app.api_tokens
    (id, user_id, issued_at, expires_at, last_used_at, rotated_at)
SELECT ('00000000-0000-4000-8000-' || lpad(to_hex(i), 12, '0'))::uuid,
       1 + pg_temp.pick(i, 140, n),
       pg_temp.tick(i, n),
       date_trunc('second', pg_temp.tick(i, n)) + interval '1 year',
       CASE WHEN pg_temp.chance(i, 141, 70)
            THEN pg_temp.tick(i, n) + pg_temp.span(i, 142, 300) END,
       CASE WHEN i % 9 = 0 THEN pg_temp.tick(i, n) + interval '6 months' END
FROM pg_temp.total() AS n, generate_series(1, n) AS i;

INSERT INTO app.deliveries
    (id, region, address, queued_at, delivered_at, failed_at)
SELECT i,
       (ARRAY['eu', 'us', 'apac', 'latam'])[1 + pg_temp.pick(i, 150, 4)],
       'learner' || 1 + pg_temp.pick(i, 151, n) || '@example.org',
       pg_temp.tick(i, 2 * n),
       CASE WHEN NOT pg_temp.chance(i, 152, 6)
            THEN pg_temp.tick(i, 2 * n) + pg_temp.span(i, 153, 1) END,
       CASE WHEN pg_temp.chance(i, 152, 6)
            THEN pg_temp.tick(i, 2 * n) + interval '2 days' END
FROM pg_temp.total() AS n, generate_series(1, 2 * n) AS i;

INSERT INTO app.alarms (id, user_id, rings_at, created_at)
SELECT i,
       1 + pg_temp.pick(i, 160, n),
       date_trunc('day', pg_temp.tick(i, n)) + interval '7 hours 30 minutes',
       pg_temp.tick(i, n)
FROM pg_temp.total() AS n, generate_series(1, n) AS i;

INSERT INTO "Reporting"."DailyActivity"
    ("Day", "Learners", "ComputedAt", "RevisedAt")
SELECT timestamp '2021-01-01' + interval '1 day' * i,
       pg_temp.pick(i, 170, 500),
       timestamp '2021-01-02 00:10:00' + interval '1 day' * i + pg_temp.span(i, 171, 1),
       CASE WHEN i % 30 = 0
            THEN timestamp '2021-01-05 09:00:00' + interval '1 day' * i END
FROM generate_series(0, 1460) AS i;

INSERT INTO "Reporting".exports
    (id, file_name, requested_at, finished_at, "expiresAt")
SELECT i,
       'export-' || i || '.csv',
       pg_temp.tick(i, 100),
       CASE WHEN i % 7 > 0 THEN pg_temp.tick(i, 100) + interval '42.000042 seconds' END,
       CASE WHEN i % 5 = 0 THEN timestamp '9999-12-31 23:59:59'
            ELSE pg_temp.tick(i, 100) + interval '14 days' END
FROM generate_series(1, 100) AS i;

-- Tables with hazards -----------------------------------------------------------

-- Each row in the zone that its venue_tz names; between 09:00 and 21:00, so that no
-- value is in a gap or an overlap of any of them.
INSERT INTO app.venue_events (id, title, venue_tz, starts_at, ends_at, doors_at)
SELECT i,
       'Event ' || i,
       (ARRAY['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata',
              'Australia/Lord_Howe'])[1 + i % 5],
       pg_temp.daytime(i, 180) + interval '1 hour',
       pg_temp.daytime(i, 180) + interval '2 hours',
       CASE WHEN i % 4 > 0 THEN pg_temp.daytime(i, 180) + interval '30 minutes' END
FROM generate_series(1, GREATEST(50, pg_temp.total() / 5)) AS i;

INSERT INTO app.import_rows (source, line, imported_at, source_time)
SELECT (ARRAY['legacy', 'paper', 'partner'])[1 + i % 3],
       i / 2,
       pg_temp.tick(i / 100 + 1, 1000),
       CASE i % 10 WHEN 0 THEN timestamp '0001-01-01 00:00:00'
                   WHEN 1 THEN timestamp '1899-12-30 00:00:00'
                   WHEN 2 THEN NULL
                   ELSE timestamp '1990-01-01' + pg_temp.span(i, 190, 9000) END
FROM generate_series(1, pg_temp.total()) AS i;

INSERT INTO app.courses
    (id, slug, publications, created_at, updated_at, published_at, archived_at)
SELECT i,
       'course-' || i,
       i % 3,
       pg_temp.tick(i, 40),
       pg_temp.tick(i, 40) + pg_temp.span(i, 200, 50),
       CASE WHEN i % 3 > 0 THEN pg_temp.tick(i, 40) + interval '20 days' END,
       CASE WHEN i % 10 = 0 THEN pg_temp.tick(i, 40) + interval '3 years'
            ELSE timestamp 'infinity' END
FROM generate_series(1, 40) AS i;

INSERT INTO app.payments
    (id, order_id, cents, paid_at, created_at, settled_at, refunded_at)
SELECT i,
       i,
       100 + pg_temp.pick(i, 210, 20000),
       (pg_temp.tick(i, n) + interval '1 second') AT TIME ZONE 'UTC',
       pg_temp.tick(i, n),
       CASE WHEN pg_temp.chance(i, 211, 85)
            THEN pg_temp.tick(i, n) + interval '2 days' END,
       CASE WHEN pg_temp.chance(i, 212, 4)
            THEN pg_temp.tick(i, n) + interval '10 days' END
FROM pg_temp.total() AS n, generate_series(1, n) AS i;

INSERT INTO app.coupons (code, valid_from, valid_until, created_at, redeemed_at)
SELECT 'C' || i,
       date_trunc('day', pg_temp.tick(i, 80)),
       date_trunc('day', pg_temp.tick(i, 80)) + interval '30 days',
       pg_temp.tick(i, 80) - interval '3 days',
       CASE WHEN i % 3 = 0 THEN pg_temp.tick(i, 80) + pg_temp.span(i, 220, 20) END
FROM generate_series(1, 80) AS i;

INSERT INTO app.notifications (id, user_id, kind, created_at, sent_at, read_at)
SELECT i,
       1 + pg_temp.pick(i, 230, n),
       (ARRAY['due', 'reply', 'news'])[1 + pg_temp.pick(i, 231, 3)],
       pg_temp.tick(i, 2 * n),
       CASE WHEN i % 13 > 0
            THEN pg_temp.tick(i, 2 * n) + interval '0.250001 seconds' END,
       CASE WHEN pg_temp.chance(i, 232, 45)
            THEN pg_temp.tick(i, 2 * n) + pg_temp.span(i, 233, 7) END
FROM pg_temp.total() AS n, generate_series(1, 2 * n) AS i;

INSERT INTO app.schedule_slots (room, starts_at, ends_at, opened_at)
SELECT 'room ' || i % 5,
       timestamp '2023-01-02 09:00:00' + interval '1 hour' * (i / 5),
       timestamp '2023-01-02 10:00:00' + interval '1 hour' * (i / 5),
       CASE WHEN i % 6 > 0
            THEN timestamp '2022-12-01 08:00:00' + interval '1 hour' * (i / 5) END
FROM generate_series(0, 499) AS i;

INSERT INTO app.slot_reservations (id, room, slot_starts_at, reserved_at)
SELECT i,
       'room ' || slot % 5,
       timestamp '2023-01-02 09:00:00' + interval '1 hour' * (slot / 5),
       timestamp '2022-12-05 00:00:00' + pg_temp.span(i, 241, 25)
FROM generate_series(1, GREATEST(50, pg_temp.total() / 2)) AS i,
     LATERAL pg_temp.pick(i, 240, 500) AS slot;

INSERT INTO app.study_plans
    (id, user_id, reminders, period, approved_at, exam_window, created_at)
SELECT i,
       1 + pg_temp.pick(i, 250, n),
       CASE WHEN i % 5 = 0 THEN ARRAY[]::timestamp[]
            ELSE ARRAY[day + interval '7 hours', NULL, day + interval '19 hours'] END,
       CASE WHEN i = 1 THEN tsrange(NULL, day + interval '20 hours')
            ELSE tsrange(day, day + interval '20 hours', '[]') END,
       CASE WHEN i % 4 > 0 THEN day - interval '12 hours' END,
       CASE WHEN i % 3 > 0
            THEN ROW(day + interval '9 hours', day + interval '11 hours')::app.span END,
       day - interval '1 day'
FROM pg_temp.total() AS n, generate_series(1, 60) AS i,
     LATERAL (SELECT timestamp '2023-02-01' + interval '1 day' * i) AS d (day);

INSERT INTO app.invoices (id, cents, issued_at, paid_at, created_at)
SELECT i,
       1000 + pg_temp.pick(i, 260, 90000),
       pg_temp.tick(i, n),
       CASE WHEN pg_temp.chance(i, 261, 90)
            THEN pg_temp.tick(i, n) + pg_temp.span(i, 262, 40) END,
       pg_temp.tick(i, n) - interval '1 minute'
FROM pg_temp.total() AS n, generate_series(1, n) AS i;

INSERT INTO app.content_items (id, title, created_at, updated_at)
SELECT i, 'Page ' || i, pg_temp.tick(i, 80),
       CASE WHEN i % 2 = 0 THEN pg_temp.tick(i, 80) + pg_temp.span(i, 270, 30) END
FROM generate_series(1, 60) AS i;

INSERT INTO app.videos (id, title, created_at, updated_at, seconds, transcoded_at)
SELECT i, 'Video ' || i, pg_temp.tick(i, 80),
       CASE WHEN i % 2 = 0 THEN pg_temp.tick(i, 80) + pg_temp.span(i, 271, 30) END,
       60 + pg_temp.pick(i, 272, 900),
       CASE WHEN i % 5 > 0 THEN pg_temp.tick(i, 80) + interval '11 minutes' END
FROM generate_series(61, 80) AS i;

INSERT INTO app.messages
    (id, sender_id, body, sent_at, edited_at, read_at, purge_at)
SELECT i,
       1 + pg_temp.pick(i, 280, n),
       'Message ' || i,
       pg_temp.tick(i, 2 * n),
       CASE WHEN pg_temp.chance(i, 281, 8)
            THEN pg_temp.tick(i, 2 * n) + interval '5 minutes' END,
       CASE WHEN pg_temp.chance(i, 282, 66)
            THEN pg_temp.tick(i, 2 * n) + pg_temp.span(i, 283, 4) END,
       CASE WHEN i % 3 = 0 THEN timestamp 'infinity' END
FROM pg_temp.total() AS n, generate_series(1, 2 * n) AS i;

INSERT INTO app.search_queries (id, words, searched_at, finished_at, clicked_at)
SELECT i,
       'word ' || pg_temp.pick(i, 290, 200),
       pg_temp.tick(i, n),
       pg_temp.tick(i, n) + interval '1 microsecond' * pg_temp.pick(i, 291, 400000),
       CASE WHEN pg_temp.chance(i, 292, 55)
            THEN pg_temp.tick(i, n) + interval '8 seconds' END
FROM pg_temp.total() AS n, generate_series(1, n) AS i;

INSERT INTO app.announcements (id, body, visible_from, visible_until, written_at)
SELECT i,
       'Announcement ' || i,
       pg_temp.tick(i, 30),
       CASE WHEN i % 3 > 0 THEN pg_temp.tick(i, 30) + interval '14 days' END,
       pg_temp.tick(i, 30) - pg_temp.span(i, 300, 2)
FROM generate_series(1, 30) AS i;

-- Afterwards ---------------------------------------------------------------------

REFRESH MATERIALIZED VIEW "Reporting".monthly_revenue;

-- Ids were given above; the next ones come after them.
DO $$
DECLARE
    relation regclass;
    col name;
    highest bigint;
BEGIN
    FOR relation, col IN
        SELECT a.attrelid::regclass, a.attname
        FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid
        WHERE c.relnamespace IN ('app'::regnamespace, '"Reporting"'::regnamespace)
          AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
          AND pg_get_serial_sequence(a.attrelid::regclass::text, a.attname) IS NOT NULL
    LOOP
        EXECUTE format('SELECT max(%I) FROM %s', col, relation) INTO highest;
        PERFORM setval(pg_get_serial_sequence(relation::text, col), highest);
    END LOOP;
END
$$;

DROP FUNCTION pg_temp.daytime(bigint, bigint);
DROP FUNCTION pg_temp.span(bigint, bigint, bigint);
DROP FUNCTION pg_temp.tick(bigint, bigint);
DROP FUNCTION pg_temp.chance(bigint, bigint, bigint);
DROP FUNCTION pg_temp.pick(bigint, bigint, bigint);
DROP FUNCTION pg_temp.total();

-- So that row counts are known to the planner, and to `tzmigrate scan`.
DO $$
DECLARE
    relation regclass;
BEGIN
    FOR relation IN
        SELECT c.oid FROM pg_class c
        WHERE c.relnamespace IN ('app'::regnamespace, '"Reporting"'::regnamespace)
          AND c.relkind IN ('r', 'm') OR c.oid = ANY (
              ARRAY['app.notifications', 'app.deliveries']::regclass[])
        ORDER BY c.oid
    LOOP
        EXECUTE format('ANALYZE %s', relation);
    END LOOP;
END
$$;
