-- adopted_otherwise: what leans on the columns of the open step and reads otherwise than its revision would have left it
-- gives: the thing in words   needs: an open step whose dependents are recorded
SELECT tzmigrate.label(d.kind, d.relation, d.name)
FROM tzmigrate.open_step() AS s JOIN tzmigrate.step_dependent AS d ON d.step_id = s.id
WHERE d.present AND d.after <> '{}' AND md5(convert_to(d.definition_after, 'UTF8')) <> ALL (d.after)
  AND s.server_major = current_setting('server_version_num')::integer / 10000
ORDER BY d.position
