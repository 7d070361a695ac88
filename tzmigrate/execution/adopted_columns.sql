-- adopted_columns: one table of the open step, with its columns as if the step had converted them
-- params: relation, names, before, after, zones, grounds   gives: the part's id   needs: the ledger, version 1, and an open step
INSERT INTO tzmigrate.step_column (step_id, position, relation_schema, relation_name, column_name, type_before, type_after, zone, adopted)
SELECT part.id, c.position, part.relation_schema, part.relation_name, c.name, c.type_before, c.type_after, c.zone, c.ground
FROM tzmigrate.add_part(%(relation)s::text::regclass) AS part,
     unnest(%(names)s::text[], %(before)s::text[], %(after)s::text[], %(zones)s::text[], %(grounds)s::text[])
         WITH ORDINALITY AS c (name, type_before, type_after, zone, ground, position)
RETURNING step_id
