-- title: temporal keys over ranges of naive time
-- facts: 10 tsrange
-- min: 18
-- needs: contrib btree_gist
-- plain: 42804
-- convert: rooms.valid, visits.valid
CREATE EXTENSION btree_gist;
CREATE TABLE rooms (id int, valid tsrange, PRIMARY KEY (id, valid WITHOUT OVERLAPS));
INSERT INTO rooms VALUES (1, '[2024-01-01,2024-02-01)'), (1, '[2024-02-01,)');
CREATE TABLE visits (id int, valid tsrange,
    FOREIGN KEY (id, PERIOD valid) REFERENCES rooms (id, PERIOD valid));
INSERT INTO visits VALUES (1, '[2024-01-10,2024-02-10)');
