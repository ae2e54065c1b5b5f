-- Where the log was touched: rows that were replaced, removed, or went before their time.
select
  time,
  tenant,
  json_extract_scalar(details, '$.change') as change,
  upload_id,
  subject,
  json_extract_scalar(details, '$.sequence') as sequence,
  json_extract_scalar(details, '$.leaf_before') as leaf_before,
  json_extract_scalar(details, '$.leaf') as leaf_found
from events
where name = 'integrity.alerted'
order by time, tenant
