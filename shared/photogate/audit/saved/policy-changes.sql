-- Which policies changed, from what to what, and by whom.
select
  time,
  tenant,
  actor_kind,
  actor_id,
  json_extract_scalar(details, '$.policy_before') as policy_before,
  json_extract_scalar(details, '$.policy_after') as policy_after
from events
where name = 'policy.changed'
order by time, tenant
