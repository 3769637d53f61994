-- Queries about who changed what.

-- name: append_audit :run
-- Record a change of each of these media, or one of none; an owner who is not named is the media's.
insert into audit (at, user_id, procedure, request_id, owner_id, media_id, input)
select
    %(now)s, %(user_id)s, %(procedure)s, %(request_id)s,
    coalesce(%(owner_id)s::text, media.owner_id, %(user_key)s), changed.id, %(input)s::jsonb
from unnest(coalesce(nullif(%(media_ids)s::uuid[], '{}'), array[null::uuid])) as changed(id)
left join media on media.id = changed.id;
