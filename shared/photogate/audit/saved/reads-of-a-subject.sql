-- Who read photos of a subject, and when.
-- Parameters: subject's pseudonym; from a day such as 2026-10-01; up to and excluding a day.
select
  actor_kind,
  actor_id,
  count(*) as reads,
  count(distinct upload_id) as photos,
  min(time) as first_read,
  max(time) as last_read
from events
where name = 'photo.read'
  and outcome = 'succeeded'
  and subject = ?
  and time >= ?
  and time < ?
group by actor_kind, actor_id
order by reads desc, actor_id
