-- Queries about uploads in parts.

-- name: begin_multipart :one
-- Keep the store's id of an upload, unless another one was begun meanwhile; no row then, or when it is pending no more.
update media set multipart_id = %(new_id)s
where id = %(id)s and state = 'pending' and multipart_id is not distinct from %(known)s::text
returning {media};

-- name: sign_parts :one
-- Extend an upload, and tell how far it is; no row when it is pending no more, or has ended.
update media set
    url_expires_at = greatest(url_expires_at, %(url_expires_at)s::timestamptz),
    url_ends_at = greatest(url_ends_at, %(url_ends_at)s::timestamptz),
    upload_expires_at = greatest(upload_expires_at, %(upload_expires_at)s::timestamptz),
    sweep_at = greatest(url_ends_at, %(url_ends_at)s::timestamptz),
    uploaded_bytes = greatest(uploaded_bytes, %(uploaded_bytes)s),
    updated_at = %(now)s
where id = %(id)s and state = 'pending' and upload_expires_at > %(now)s
returning {media};

-- name: notify_owner :run
-- Wake those who wait for more of an owner's log.
select pg_notify('events', %(owner_id)s);

-- name: note_progress :run
-- Tell how far an upload is, when it is further than was told before.
update media set uploaded_bytes = %(uploaded_bytes)s, updated_at = %(now)s
where id = %(id)s and state = 'pending' and uploaded_bytes < %(uploaded_bytes)s;

-- name: await_parts :one
-- Leave an upload whose parts are not all there to its client until it ends; no row when that is over.
update media set sweep_at = upload_expires_at
where id = %(id)s and state = 'pending' and upload_expires_at > %(now)s
returning id;

-- name: list_uploads :many read
-- A page of an owner's uploads that can be resumed, newest first, from before the cursor on, and where the owner's log
-- ends, as of the same snapshot; a row without an upload when there is none.
select page.*, page.id is not null as is_found, last_event_id
from end_of_log(%(owner_id)s)
left join (
    select {media} from media
    where owner_id = %(owner_id)s
        and state = 'pending'
        and transfer <> 'content'
        and coalesce(upload_expires_at, url_expires_at) > %(now)s
        and (%(before)s::uuid is null or id < %(before)s::uuid)
    order by id desc
    limit %(limit)s
) as page on true
order by page.id desc;

-- name: list_sending :many read
-- The uploads in parts of an owner, or one of them, that were signed for lately.
select {media} from media
where owner_id = %(owner_id)s
    and state = 'pending'
    and transfer = 'parts'
    and multipart_id is not null
    and url_ends_at > %(now)s
    and (%(media_id)s::uuid is null or id = %(media_id)s::uuid)
order by id desc
limit 10;

-- name: release_parts :run
-- Reserve nothing more for the parts of a deleted upload: storage knows it no more.
update media set multipart_id = null where id = %(id)s and state = 'deleted' and multipart_id = %(multipart_id)s;
