-- Queries about what an owner uses of the quota.

-- name: read_usage :shared read
-- An owner's bytes under the caller's plan; an owner without uploads has used nothing.
select
    call.position,
    coalesce(used_bytes, 0) as used_bytes,
    coalesce(reserved_bytes, 0) as reserved_bytes,
    coalesce(call.quota_bytes, stored.quota_bytes, call.free_quota_bytes, default_quota_bytes()) as quota_bytes,
    coalesce(image_bytes, 0) as image_bytes,
    coalesce(video_bytes, 0) as video_bytes,
    coalesce(audio_bytes, 0) as audio_bytes,
    coalesce(rendition_bytes, 0) as rendition_bytes
from jsonb_to_recordset(%(calls)s::jsonb) as call(
    position integer, owner_id text, quota_bytes bigint, free_quota_bytes bigint
)
-- "offset 0" keeps the planner from reading the whole table for what it takes for many calls.
left join lateral (select * from storage_usage where storage_usage.owner_id = call.owner_id offset 0) as stored on true;

-- name: read_releases :many read
-- What an owner's tombstones hold, by the minute from which on it can be used again: the soonest, of the first thousand.
select date_bin('1 minute', greatest(url_ends_at, %(now)s), 'epoch') + interval '1 minute' as at, sum(held)::bigint as bytes
from (
    select url_ends_at, media_reserved_bytes(media) as held from media
    where owner_id = %(owner_id)s and deleted_at is not null order by url_ends_at limit 1000
) as tombstones
where held > 0
group by 1 order by 1 limit 20;

-- name: set_quota :one
-- Give an owner another quota, whatever is used already.
insert into storage_usage (owner_id, quota_bytes) values (%(owner_id)s, %(quota_bytes)s)
on conflict (owner_id) do update set quota_bytes = excluded.quota_bytes
returning {usage};

-- name: forget_quota :run
-- Put an owner who has another quota back on the free plan's.
update storage_usage set quota_bytes = default_quota_bytes()
where owner_id = %(owner_id)s and quota_bytes <> default_quota_bytes();

-- name: forget_usage :run
-- Forget an owner who has no media and the free plan's quota: as much as is known without the row.
delete from storage_usage
where owner_id = %(owner_id)s
    and media_count = 0 and quota_bytes = default_quota_bytes();

-- name: read_drift :many read
-- Owners whose usage is not the sum over their media rows: none, by construction.
select owner_id, storage_usage.used_bytes, storage_usage.reserved_bytes, held.used_bytes as held_used_bytes,
    held.reserved_bytes as held_reserved_bytes, storage_usage.rendition_bytes,
    held.rendition_bytes as held_rendition_bytes, storage_usage.media_count, held.media_count as held_media_count,
    storage_usage.pending_count, held.pending_count as held_pending_count
from storage_usage
full join (
    select owner_id, sum(media_used_bytes(media))::bigint as used_bytes,
        sum(media_reserved_bytes(media))::bigint as reserved_bytes,
        sum(media_rendition_bytes(media))::bigint as rendition_bytes,
        count(*) as media_count, count(*) filter (where state = 'pending') as pending_count
    from media group by owner_id
) as held using (owner_id)
where (coalesce(storage_usage.used_bytes, 0), coalesce(storage_usage.reserved_bytes, 0),
        coalesce(storage_usage.rendition_bytes, 0), coalesce(storage_usage.media_count, 0),
        coalesce(storage_usage.pending_count, 0))
    <> (coalesce(held.used_bytes, 0), coalesce(held.reserved_bytes, 0), coalesce(held.rendition_bytes, 0),
        coalesce(held.media_count, 0), coalesce(held.pending_count, 0));
