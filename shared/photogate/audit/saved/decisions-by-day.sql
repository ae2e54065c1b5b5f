-- How uploads ended, day by day, and why; one that was reviewed ends twice.
select
  tenant,
  substr(time, 1, 10) as day,
  json_extract_scalar(details, '$.decision') as decision,
  coalesce(reason, 'none') as reason,
  count(*) as uploads
from events
where name = 'upload.completed'
group by tenant, substr(time, 1, 10), json_extract_scalar(details, '$.decision'), coalesce(reason, 'none')
order by tenant, day, decision, reason
