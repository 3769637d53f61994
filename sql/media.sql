-- Queries about media rows. Each is `-- name: <name> :one|:many|:run`, a line of intent, the statement.

-- name: reserve_upload :shared
-- Add a pending upload to its owner's reserved bytes, under the caller's plan, if limit, key and quota allow.
with opened as (
    -- Where the free plan has another quota than a new row's default, whoever comes without a plan begins with that.
    insert into storage_usage (owner_id, quota_bytes)
    select distinct call.owner_id, call.free_quota_bytes
    from jsonb_to_recordset(%(calls)s::jsonb) as call(owner_id text, quota_bytes bigint, free_quota_bytes bigint)
    where call.quota_bytes is null and call.free_quota_bytes <> default_quota_bytes()
    order by call.owner_id
    on conflict (owner_id) do nothing
    returning owner_id
)
-- They are counted first, so that the function finds them.
select * from reserve_uploads(case when (select count(*) from opened) >= 0 then %(calls)s::jsonb end);

-- name: extend_uploads :many
-- Give uploads that are asked for again fresh URLs; no row for those that were deleted meanwhile.
update media set
    url_expires_at = greatest(url_expires_at, %(url_expires_at)s::timestamptz),
    url_ends_at = greatest(url_ends_at, %(url_ends_at)s::timestamptz),
    upload_expires_at = case when transfer = 'parts' then greatest(upload_expires_at, %(upload_expires_at)s) end,
    sweep_at = greatest(sweep_at, %(url_ends_at)s::timestamptz)
where id in (select id from media where id = any(%(ids)s::uuid[]) and state <> 'deleted' order by id for no key update)
returning {media};

-- name: find_upload :one read
-- A media of these owners, null for anybody's, in any state, tombstones included.
select {media} from media where id = %(id)s and owned_by(owner_id, %(owners)s);

-- name: find_media :one read
-- A media of these owners, null for anybody's, that is not deleted.
select {media} from media where id = %(id)s and owned_by(owner_id, %(owners)s) and state <> 'deleted';

-- name: find_media_and_log :one read
-- The same, and where its owner's log ends, as of the same snapshot: whoever reads the log from there on misses nothing.
select {media}, last_event_id from media cross join lateral end_of_log(owner_id)
where id = %(id)s and owned_by(owner_id, %(owners)s) and state <> 'deleted';

-- name: find_many :many read
-- Those of these media that are not deleted, whoever owns them.
select {media} from media where id = any(%(ids)s::uuid[]) and state <> 'deleted';

-- name: read_media :one read
-- A media in any state, whoever owns it: for jobs.
select {media} from media where id = %(id)s;

-- name: list_media :many read
-- A page of an owner's media, newest first, from before the cursor on; unfinished uploads only when asked for. Each row
-- says where the owner's log ends, as of the same snapshot; an empty page is one row without a media.
select page.*, page.id is not null as is_found, last_event_id
from end_of_log(%(owner_id)s)
left join (
    select {media} from media
    where owner_id = %(owner_id)s
        and state <> 'deleted'
        and (%(before)s::uuid is null or id < %(before)s::uuid)
        and (%(type)s::text is null or type = %(type)s::text)
        and (%(purpose)s::text is null or purpose = %(purpose)s::text)
        and case when %(state)s::text is null then state <> 'pending' else state = %(state)s::text end
    order by id desc
    limit %(limit)s
) as page on true
order by page.id desc;

-- name: search_media :many read
-- The same of those whose names hold a part, as far as the budget of a call goes through their names; the last one that
-- was looked at is answered as well, found or not, when the budget ended there.
select page.*, last_event_id
from end_of_log(%(owner_id)s)
left join (
    select found.*, is_found and (%(purpose)s::text is null or purpose = %(purpose)s::text) as is_found, is_last
    from (
        select
            id,
            spent >= %(budget)s as is_last,
            (%(type)s::text is null or type = %(type)s::text)
                and case when %(state)s::text is null then state <> 'pending' else state = %(state)s::text end
                and name_holds(filename, %(part)s, %(variants)s, %(plain)s) as is_found
        from (
            select
                id, type, state, filename, cost,
                sum(cost) over (order by id desc rows unbounded preceding) as spent
            from media
            -- In some two nanoseconds each: to normalise accents takes the square of a name's length at the worst, and two
            -- characters stand for a whole phrase.
            cross join lateral (
                select 500 + octet_length(filename) * (10 + char_length(%(part)s))
                    + case
                        when octet_length(filename) = char_length(filename) then 0
                        else 6 * char_length(filename) ^ 2
                            + 5000 * (char_length(filename) - char_length(translate(filename, U&'\FDFA\FDFB', '')))
                    end as cost
            ) as looked_at
            where owner_id = %(owner_id)s and state <> 'deleted' and (%(before)s::uuid is null or id < %(before)s::uuid)
            order by id desc
            limit 1 + %(budget)s / 500
        ) as named
        where spent - cost < %(budget)s
    ) as judged
    -- By its key, one by one, whatever the planner expects: a limit of one is nothing that can be joined in another way.
    cross join lateral (select {media} from media where media.id = judged.id limit 1) as found
    where (is_found or is_last) and (is_last or %(purpose)s::text is null or purpose = %(purpose)s::text)
    order by judged.id desc
    limit %(limit)s
) as page on true
order by page.id desc;

-- name: list_media_of_post :many read
-- The same of the media of one post.
select page.*, page.id is not null as is_found, last_event_id
from end_of_log(%(owner_id)s)
left join (
    select {media} from media
    where owner_id = %(owner_id)s
        and post_id = %(post_id)s
        and (%(before)s::uuid is null or id < %(before)s::uuid)
        and (%(type)s::text is null or type = %(type)s::text)
        and (%(purpose)s::text is null or purpose = %(purpose)s::text)
        and (%(state)s::text is null or state = %(state)s::text)
        and (%(part)s::text is null or name_holds(filename, %(part)s::text, %(variants)s::text, %(plain)s::text))
    order by id desc
    limit %(limit)s
) as page on true
order by page.id desc;

-- name: complete_upload :one
-- Turn a pending upload into a media whose verified bytes stand at original_key; no row when it is pending no more.
update media set
    state = 'processing', original_key = %(original_key)s, detected_type = nullif(%(detected_type)s, mime_type),
    width = %(width)s, height = %(height)s, updated_at = %(now)s
where id = %(id)s and state = 'pending'
returning {media};

-- name: refuse_upload :one
-- Soft-delete a pending upload whose bytes are not what was declared, with the reason; no row when it is pending no more.
update media set
    state = 'deleted', deleted_at = %(now)s, updated_at = %(now)s, sweep_at = greatest(url_ends_at, %(now)s),
    error_code = %(error_code)s, error_reason = %(error_reason)s
where id = %(id)s and state = 'pending'
returning {media};

-- name: soft_delete_ended_upload :one
-- Soft-delete a pending upload that has ended; no row when it was extended, or it is pending no more.
update media set state = 'deleted', deleted_at = %(now)s, updated_at = %(now)s, sweep_at = %(now)s
where id = %(id)s and state = 'pending' and greatest(url_ends_at, upload_expires_at) <= %(now)s
returning {media};

-- name: free_idempotency_key :run
-- Let the key of an upload go that came to nothing.
delete from idempotency_keys where media_id = %(id)s;

-- name: grow_upload :one
-- Reserve room for what has come through the server so far; no row when the upload is pending no more.
update media set
    size_bytes = greatest(size_bytes, %(arrived_bytes)s), uploaded_bytes = %(arrived_bytes)s,
    url_expires_at = %(url_expires_at)s, url_ends_at = %(url_expires_at)s, sweep_at = %(sweep_at)s, updated_at = %(now)s
where id = %(id)s and state = 'pending' and transfer = 'content'
returning {media};

-- name: cancel_upload :one
-- Soft-delete an upload of these owners that is not completed; no row when it is completed, or deleted before.
update media set
    state = 'deleted', deleted_at = %(now)s, updated_at = %(now)s, sweep_at = greatest(url_ends_at, %(now)s)
where id = %(id)s and owned_by(owner_id, %(owners)s) and state = 'pending'
returning {media};

-- name: delete_media :many
-- Leave tombstones; no row for what these owners do not have, or deleted before.
select {media} from soft_delete_media(
    %(ids)s::uuid[], %(owners)s::text[], %(now)s::timestamptz, %(look_at)s::timestamptz
);

-- name: find_missing :many read
-- Those of these ids that these owners never had, as rows and log know.
select asked.id from unnest(%(ids)s::uuid[]) as asked(id)
where not exists (select from media where media.id = asked.id and owned_by(owner_id, %(owners)s))
    and not exists (
        select from events
        where media_id = asked.id and owned_by(owner_id, %(owners)s) and type = 'media.deleted'
    );

-- name: delete_some_media :many
-- Leave tombstones of some of an owner's media, however far their uploads are.
update media set
    state = 'deleted', deleted_at = %(now)s, updated_at = %(now)s,
    sweep_at = next_look_after_deletion(state, url_ends_at, %(now)s, %(look_at)s)
where id in (
    select id from media where owner_id = %(owner_id)s and state <> 'deleted'
    order by id limit %(limit)s for no key update
)
returning id;

-- name: forget_profile_image :run
-- Forget which media an owner's profile image is.
delete from profile_images where owner_id = %(owner_id)s;

-- name: find_deletion :one read
-- Whether these owners had this media and deleted it, as the log remembers it.
select media_id from events
where media_id = %(id)s and owned_by(owner_id, %(owners)s) and type = 'media.deleted'
limit 1;

-- name: lease_due_media :many
-- Take rows that are due for a look at storage, and put the next look off, so that nobody else takes them meanwhile.
update media set sweep_at = %(leased_until)s
where id in (
    select id from media where sweep_at <= %(now)s order by sweep_at limit %(limit)s for update skip locked
)
returning id;

-- name: settle_media :one
-- Nothing but the original is left in storage and no URL can bring more: stop looking. No row for what is to go, having
-- failed.
update media set sweep_at = null where id = %(id)s and url_ends_at <= %(now)s and state = 'ready'
returning id;

-- name: soft_delete_failed :one
-- Soft-delete a media that failed so long ago; no row when it was later, or when it is failed no more.
update media set
    state = 'deleted', deleted_at = %(now)s, updated_at = %(now)s,
    sweep_at = next_look_after_deletion(state, url_ends_at, %(now)s, %(look_at)s)
where id = %(id)s and state = 'failed' and updated_at + %(kept)s::interval <= %(now)s
returning id;

-- name: keep_failed :run
-- Look at a failed media again when it has been kept so long.
update media set sweep_at = updated_at + %(kept)s::interval where id = %(id)s and state = 'failed';

-- name: remove_tombstone :one
-- Drop a deleted row whose storage is clean and whose URL has ended; no row when it is too early.
delete from media where id = %(id)s and state = 'deleted' and url_ends_at <= %(now)s
returning id;
