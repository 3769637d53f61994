-- Queries about who changed what.

-- name: append_audit :run
-- Record a change of each of these media, or one of none: then the owner is the one who is named, or the caller. Of what is
-- recorded once, a media has one record of the procedure; its row is locked by the change, so nobody adds another meanwhile.
insert into audit (at, user_id, procedure, request_id, owner_id, media_id, input)
select
    %(now)s, %(user_id)s, %(procedure)s, %(request_id)s,
    coalesce(media.owner_id, %(owner_id)s::text, %(user_key)s), changed.id, %(input)s::jsonb
from unnest(coalesce(nullif(%(media_ids)s::uuid[], '{}'), array[null::uuid])) as changed(id)
left join media on media.id = changed.id
where not %(once)s or not exists (
    select from audit as earlier where earlier.media_id = changed.id and earlier.procedure = %(procedure)s
);

-- name: list_audit :many read
-- A page of all records, newest first, from before the cursor on.
select {audit} from audit where id < coalesce(%(before)s::bigint, 9223372036854775807) order by id desc limit %(limit)s;

-- name: list_audit_of_owner :many read
-- A page of an owner's records.
select {audit} from audit
where owner_id = %(owner_id)s and id < coalesce(%(before)s::bigint, 9223372036854775807)
order by id desc
limit %(limit)s;

-- name: list_audit_of_media :many read
-- A page of a media's records, under one owner when one is named.
select {audit} from audit
where media_id = %(media_id)s
    and id < coalesce(%(before)s::bigint, 9223372036854775807)
    and (%(owner_id)s::text is null or owner_id = %(owner_id)s::text)
order by id desc
limit %(limit)s;
