-- title: foreign keys make a circle of three tables, with views over them
-- facts: 7.9
-- plain: 0A000
-- convert: a.at, b.at, c.at
-- zoned: v.at
CREATE TABLE a (at timestamp PRIMARY KEY);
CREATE TABLE b (at timestamp PRIMARY KEY REFERENCES a);
CREATE TABLE c (at timestamp UNIQUE REFERENCES b);
INSERT INTO a VALUES ('2024-01-15 12:30:00.123456'), ('infinity'), ('2024-07-01');
INSERT INTO b SELECT * FROM a WHERE at <> 'infinity';
INSERT INTO c VALUES ('2024-07-01'), (NULL);
ALTER TABLE a ADD CONSTRAINT back FOREIGN KEY (at) REFERENCES c (at)
    DEFERRABLE INITIALLY DEFERRED NOT VALID;
CREATE VIEW v AS SELECT a.at FROM a JOIN b USING (at);
