-- Who was denied what, how often, and when last.
select
  tenant,
  actor_kind,
  actor_id,
  coalesce(json_extract_scalar(details, '$.route'), name) as denied,
  count(*) as times,
  min(time) as first_time,
  max(time) as last_time
from events
where outcome = 'denied'
group by tenant, actor_kind, actor_id, coalesce(json_extract_scalar(details, '$.route'), name)
order by times desc, tenant, actor_id, denied
