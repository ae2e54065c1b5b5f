-- How many events, photos and subjects a tenant had, day by day.
select
  tenant,
  substr(time, 1, 10) as day,
  count(*) as events,
  count(distinct upload_id) as photos,
  count(distinct subject) as subjects
from events
group by tenant, substr(time, 1, 10)
order by tenant, day
