-- How uploads ended, day by day, and why; one that was reviewed ends twice.
select
  tenant,
  substr(time, 1, 10) as day,
  coalesce(json_extract_scalar(details, '$.decision'), 'none') as decision,
  coalesce(reason, 'none') as reason,
  count(*) as uploads
from events
where name = 'upload.completed'
group by
  tenant,
  substr(time, 1, 10),
  coalesce(json_extract_scalar(details, '$.decision'), 'none'),
  coalesce(reason, 'none')
order by tenant, day, decision, reason
