-- adopted_done: the open step is done; the session's settings as they were
-- needs: an open step
UPDATE tzmigrate.step AS x SET done_at = clock_timestamp(), unfinished = NULL WHERE x.id IN (SELECT o.id FROM tzmigrate.open_parts() AS o);
SELECT tzmigrate.close_step();
