-- adopted_baseline: what stands in the tables of the open step now, recorded as after a conversion
-- needs: an open step whose samples are chosen, and a lock that stops who writes
SELECT tzmigrate.draw_sample(tzmigrate.part_relation(o), o.sample_rows) FROM tzmigrate.open_parts() AS o;
SELECT tzmigrate.record_values(o, tzmigrate.part_relation(o)) FROM tzmigrate.open_parts() AS o;
UPDATE tzmigrate.step AS x SET passed_over = false, direction = 'up', file_nodes_before = tzmigrate.file_nodes(tzmigrate.part_relation(x))
WHERE x.id IN (SELECT o.id FROM tzmigrate.open_parts() AS o);
WITH whole AS MATERIALIZED (
    SELECT o.id, f.* FROM tzmigrate.open_parts() AS o, LATERAL tzmigrate.fingerprint(o.id, tzmigrate.part_relation(o), true) AS f WHERE o.proof = 'full'
), rows AS (
    UPDATE tzmigrate.step AS x SET rows_total = w.rows FROM whole AS w WHERE x.id = w.id
)
UPDATE tzmigrate.step_column AS c SET values_before = w.counts[c.position], infinite_before = w.infinite[c.position], fingerprint_before = w.sums[c.position],
    lowest_before = w.lowest[c.position], highest_before = w.highest[c.position]
FROM whole AS w WHERE c.step_id = w.id;
SELECT tzmigrate.record_part(o) FROM tzmigrate.open_parts() AS o;
UPDATE tzmigrate.step_default AS d SET default_after = tzmigrate.default_text(to_regclass(d.relation), d.column_name)
FROM tzmigrate.open_step() AS s WHERE d.step_id = s.id AND d.present;
-- whatever leans on the columns goes down as it stands now
UPDATE tzmigrate.step_dependent AS d SET definition_after = tzmigrate.definition(d.kind, f.class, f.object, f.sub)
FROM tzmigrate.open_step() AS s, tzmigrate.step_dependent AS y, LATERAL tzmigrate.find_dependent(y.kind, y.relation, y.name) AS f
WHERE d.step_id = s.id AND y.step_id = d.step_id AND y.position = d.position AND d.present;
UPDATE tzmigrate.step AS x SET picture_after = tzmigrate.step_picture() FROM tzmigrate.open_step() AS s WHERE x.id = s.id;
