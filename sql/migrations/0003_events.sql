-- The log of what happened to every media, written by the change itself: no state moves without its event.
create table events (
    id bigint generated always as identity primary key,
    type text not null constraint events_type_is_known check (type in (
        'upload.started', 'media.processing', 'media.ready', 'media.failed', 'media.deleted'
    )),
    -- Not a foreign key: the log outlives the row.
    media_id uuid not null,
    owner_id text not null,
    at timestamptz not null,
    data jsonb not null
);

create index events_of_owner on events (owner_id, id);
create index events_of_media on events (media_id, id);

create function events_follow_media() returns trigger language plpgsql as $$
begin
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
    return null;
end
$$;

create trigger events_follow_insert after insert on media
    for each row execute function events_follow_media();

create trigger events_follow_state after update of state on media
    for each row when (old.state is distinct from new.state) execute function events_follow_media();
