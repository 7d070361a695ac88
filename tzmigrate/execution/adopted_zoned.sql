-- adopted_zoned: nothing is converted or looked at, and values are read as zoned: so a step on its way down begins
-- needs: an open step
UPDATE tzmigrate.step AS x SET passed_over = true, direction = 'down' WHERE x.id IN (SELECT o.id FROM tzmigrate.open_parts() AS o);
