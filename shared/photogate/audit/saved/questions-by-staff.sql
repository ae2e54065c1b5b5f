-- Who of the staff asked the log or took it away, how often, and how many rows they got.
select
  tenant,
  actor_id,
  name,
  json_extract_scalar(details, '$.query') as query,
  count(*) as times,
  sum(cast(json_extract_scalar(details, '$.rows') as bigint)) as events_given,
  max(time) as last_time
from events
where name in ('audit.queried', 'audit.exported')
  and actor_kind = 'staff'
group by tenant, actor_id, name, json_extract_scalar(details, '$.query')
order by events_given desc, tenant, actor_id, name, query
