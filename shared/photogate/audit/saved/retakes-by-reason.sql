-- Why uploaders were asked for another photo, and how often they had to be.
select
  tenant,
  coalesce(reason, 'none') as reason,
  count(*) as retakes,
  count(distinct subject) as uploaders,
  min(time) as first_time,
  max(time) as last_time
from events
where name = 'upload.completed'
  and json_extract_scalar(details, '$.status') = 'RETAKE'
group by tenant, coalesce(reason, 'none')
order by retakes desc, tenant, reason
