-- Queries about what an owner uses of the quota.

-- name: read_usage :shared
-- An owner's bytes under the caller's plan; an owner without uploads has used nothing.
select
    call.position,
    coalesce(used_bytes, 0) as used_bytes,
    coalesce(reserved_bytes, 0) as reserved_bytes,
    coalesce(call.quota_bytes, stored.quota_bytes, 52428800) as quota_bytes,
    coalesce(image_bytes, 0) as image_bytes,
    coalesce(video_bytes, 0) as video_bytes,
    coalesce(audio_bytes, 0) as audio_bytes
from jsonb_to_recordset(%(calls)s::jsonb) as call(position integer, owner_id text, quota_bytes bigint)
-- "offset 0" keeps the planner from reading the whole table for what it takes for many calls.
left join lateral (select * from storage_usage where storage_usage.owner_id = call.owner_id offset 0) as stored on true;

-- name: read_drift :many
-- Owners whose usage is not the sum over their media rows: none, by construction.
select owner_id, storage_usage.used_bytes, storage_usage.reserved_bytes, held.used_bytes as held_used_bytes,
    held.reserved_bytes as held_reserved_bytes
from storage_usage
full join (
    select owner_id, sum(media_used_bytes(media))::bigint as used_bytes,
        sum(media_reserved_bytes(media))::bigint as reserved_bytes
    from media group by owner_id
) as held using (owner_id)
where (coalesce(storage_usage.used_bytes, 0), coalesce(storage_usage.reserved_bytes, 0))
    <> (coalesce(held.used_bytes, 0), coalesce(held.reserved_bytes, 0));
