-- A deleted upload keeps its bytes reserved for what its signed URLs may still bring. An upload in parts that the store
-- was never asked to begin has none: the id that its URLs would name is kept before the first of them is signed, and for
-- pending uploads alone. So the bytes of its tombstone are free at once.

-- Whoever writes waits while tombstones are weighed anew; whoever reads does not.
lock table storage_usage, media in exclusive mode;

-- What a row holds of its owner's quota for bytes that may still arrive, or are not yet proven gone.
create or replace function media_reserved_bytes(m media) returns bigint language sql immutable as $$
    select case
        when m.state = 'pending' then m.size_bytes
        when m.state = 'deleted' and (m.transfer <> 'parts' or m.multipart_id is not null) then m.size_bytes
        else 0
    end
$$;

create or replace trigger storage_usage_follow_changes after update on media
    for each row
    when ((new.state, new.size_bytes, new.renditions, new.multipart_id)
        is distinct from (old.state, old.size_bytes, old.renditions, old.multipart_id))
    execute function storage_usage_follow_media();

update storage_usage set reserved_bytes = reserved_bytes - free.bytes
from (
    select owner_id, sum(size_bytes) as bytes from media
    where state = 'deleted' and transfer = 'parts' and multipart_id is null group by owner_id
) as free
where free.owner_id = storage_usage.owner_id;

-- A tombstone may weigh nothing now, and yet it is counted: an owner who has one is not forgotten, as the version before
-- would do.
create function storage_usage_stays() returns trigger language plpgsql as $$
begin
    return null;
end
$$;

create trigger storage_usage_stays before delete on storage_usage
    for each row when (old.media_count > 0) execute function storage_usage_stays();

-- What an owner's tombstones hold, by when it comes back. They are told by their date, which they alone have, so that no
-- statement about one of them by its id is planned by this index where there are few.
create index media_tombstones_of_owner on media (owner_id, url_ends_at) where deleted_at is not null;
