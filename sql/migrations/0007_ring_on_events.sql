-- Whoever reads an owner's log from an id on misses nothing: ids rise in the order of commits, since the change holds
-- the owner's usage row when it takes its id. The notice wakes those who wait for more.
create or replace function events_follow_media() returns trigger language plpgsql as $$
begin
    perform from storage_usage where owner_id = new.owner_id for no key update;
    insert into events (type, media_id, owner_id, at, data) values (
        case new.state when 'pending' then 'upload.started' else 'media.' || new.state end,
        new.id,
        new.owner_id,
        new.updated_at,
        jsonb_strip_nulls(jsonb_build_object(
            'status', new.state,
            'type', new.type,
            'size', new.size_bytes,
            'error', case when new.error_code is not null
                then jsonb_build_object('code', new.error_code, 'reason', new.error_reason) end
        ))
    );
    perform pg_notify('events', new.owner_id);
    return null;
end
$$;
