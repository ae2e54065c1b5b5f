-- How photos were decided, day by day, and why.
select
  tenant,
  substr(time, 1, 10) as day,
  json_extract_scalar(details, '$.decision') as decision,
  coalesce(reason, 'none') as reason,
  count(*) as photos
from events
where name = 'decision.made'
group by tenant, substr(time, 1, 10), json_extract_scalar(details, '$.decision'), coalesce(reason, 'none')
order by tenant, day, decision, reason
