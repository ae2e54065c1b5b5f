-- Which photos wait for a review, longest first, and why they were put there.
with ends as (
  select tenant, upload_id, max(time) as ended_at
  from events
  where name = 'upload.completed'
    and json_extract_scalar(details, '$.status') <> 'IN_REVIEW'
  group by tenant, upload_id
),
erasures as (
  select tenant, subject, max(time) as erased_at
  from events
  where name = 'subject.erased'
  group by tenant, subject
)
select
  openings.tenant,
  openings.upload_id,
  max(openings.reason) as reason,
  min(openings.time) as opened_at,
  date_diff('day', cast(substr(min(openings.time), 1, 10) as date), current_date) as days_waiting
from events as openings
left join ends
  on ends.tenant = openings.tenant
  and ends.upload_id = openings.upload_id
left join erasures
  on erasures.tenant = openings.tenant
  and erasures.subject = openings.subject
where openings.name = 'review.opened'
  and (ends.ended_at is null or ends.ended_at < openings.time)
  and (erasures.erased_at is null or erasures.erased_at < openings.time)
group by openings.tenant, openings.upload_id
order by opened_at, openings.upload_id
