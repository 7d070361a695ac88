-- title: one of two parents stays, or stands in another zone
-- facts: 4 child with two parents
-- plain: 42P16
-- zone: public.paris.at=Europe/Paris
-- keep: visits.at
-- refuse: orders.at TZ129, paris.at TZ129, rome.at TZ129
CREATE TABLE orders (id int, at timestamp);
CREATE TABLE visits (at timestamp);
CREATE TABLE both_of_them () INHERITS (orders, visits);
CREATE TABLE paris (at timestamp);
CREATE TABLE rome (at timestamp);
CREATE TABLE europe () INHERITS (paris, rome);
INSERT INTO both_of_them VALUES (1, '2024-01-15 12:30:00.123456');
INSERT INTO europe VALUES ('2024-01-15 12:30:00.123456');
