select
  json_extract_scalar(item.body.s, '$.time') as time,
  json_extract_scalar(item.body.s, '$.name') as name,
  json_extract_scalar(item.body.s, '$.outcome') as outcome,
  json_extract_scalar(item.body.s, '$.reason') as reason,
  json_extract_scalar(item.body.s, '$.tenant') as tenant,
  json_extract_scalar(item.body.s, '$.subject') as subject,
  json_extract_scalar(item.body.s, '$.upload_id') as upload_id,
  json_extract_scalar(item.body.s, '$.actor.kind') as actor_kind,
  json_extract_scalar(item.body.s, '$.actor.id') as actor_id,
  json_extract_scalar(item.body.s, '$.purpose') as purpose,
  json_extract_scalar(item.body.s, '$.policy_hash') as policy_hash,
  json_extract_scalar(item.body.s, '$.model_hash') as model_hash,
  json_extract_scalar(item.body.s, '$.function') as function,
  json_extract_scalar(item.body.s, '$.function_version') as function_version,
  cast(json_extract_scalar(item.body.s, '$.duration_ms') as bigint) as duration_ms,
  nullif(json_format(json_extract(item.body.s, '$.details')), '{}') as details,
  json_extract_scalar(item.body.s, '$.id') as id,
  json_extract_scalar(item.body.s, '$.chain') as chain,
  cast(json_extract_scalar(item.body.s, '$.seq') as bigint) as seq,
  json_extract_scalar(item.body.s, '$.prev') as prev,
  item.leaf.s as leaf
from table_export
where item.body.s is not null
