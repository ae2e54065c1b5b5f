-- Which subjects withdrew consent and have not been erased since, longest first.
with erasures as (
  select tenant, subject, max(time) as erased_at
  from events
  where name = 'subject.erased'
  group by tenant, subject
)
select
  withdrawals.tenant,
  withdrawals.subject,
  withdrawals.purpose,
  min(withdrawals.time) as withdrawn_at,
  date_diff('day', cast(substr(min(withdrawals.time), 1, 10) as date), current_date) as days_open
from events as withdrawals
left join erasures
  on erasures.tenant = withdrawals.tenant
  and erasures.subject = withdrawals.subject
where withdrawals.name = 'consent.withdrawn'
  and (erasures.erased_at is null or erasures.erased_at < withdrawals.time)
group by withdrawals.tenant, withdrawals.subject, withdrawals.purpose
order by withdrawn_at, withdrawals.subject, withdrawals.purpose
