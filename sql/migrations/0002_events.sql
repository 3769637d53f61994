-- The log of what happened to every media, written by the change itself: no state moves without its event.
--
-- An id is drawn before its transaction commits, and one with a higher id may commit first: whoever reads the events of
-- all owners in the order of their ids misses some. In the order of (xid, id), below the oldest transaction that is
-- still open, nobody does. An event has the number of its transaction, or that of its owner's event before where that
-- is higher, since a transaction with a lower number may have waited for the other one: so the events of an owner stay
-- in their order.
create table events (
    id bigint generated always as identity primary key,
    type text not null constraint events_type_is_known check (type in (
        'upload.started', 'upload.progress', 'media.processing', 'media.progress', 'media.ready', 'media.failed',
        'media.deleted'
    )),
    -- Not a foreign key: the log outlives the row.
    media_id uuid not null,
    owner_id text not null,
    at timestamptz not null,
    data jsonb not null,
    xid xid8 not null default pg_current_xact_id()
);

create index events_of_owner on events (owner_id, id);
create index events_of_media on events (media_id, id);
create index events_of_all on events (xid, id);

-- A number that is not given out yet comes from another cluster, whose dump was restored here.
create function events_follow_their_owner() returns trigger language plpgsql as $$
begin
    new.xid := greatest(pg_current_xact_id(), (
        select xid
        from (
            select owner_id, xid from events where (owner_id, id) <= (new.owner_id, new.id)
            order by owner_id desc, id desc limit 1
        ) as last_event
        where owner_id = new.owner_id and xid < pg_snapshot_xmax(pg_current_snapshot())
    ));
    return new;
end
$$;

create trigger events_follow_their_owner before insert on events
    for each row execute function events_follow_their_owner();

-- The events of uploads that one statement begins. The usage row is locked as by every change of an owner's media, so
-- that the events of an owner commit in the order of their ids.
create function events_follow_inserts() returns trigger language plpgsql as $$
begin
    perform from storage_usage where owner_id in (select owner_id from inserted) order by owner_id for no key update;
    insert into events (type, media_id, owner_id, at, data)
    select
        case state when 'pending' then 'upload.started' else 'media.' || state end,
        id,
        owner_id,
        updated_at,
        jsonb_build_object('status', state, 'type', type, 'size', size_bytes)
    from inserted;
    perform pg_notify('events', owner_id) from (select distinct owner_id from inserted) as owners;
    return null;
end
$$;

create trigger events_follow_inserts after insert on media referencing new table as inserted
    for each statement execute function events_follow_inserts();

-- The event of a change of one media.
create function events_follow_media() returns trigger language plpgsql as $$
declare
    told constant text := case
        when tg_name = 'events_follow_processing' then 'media.progress'
        when new.state <> 'pending' then 'media.' || new.state
        when new.uploaded_bytes > 0 then 'upload.progress'
        else 'upload.started'
    end;
begin
    perform from storage_usage where owner_id = new.owner_id for no key update;
    insert into events (type, media_id, owner_id, at, data) values (
        told,
        new.id,
        new.owner_id,
        new.updated_at,
        jsonb_strip_nulls(jsonb_build_object(
            'status', new.state,
            'type', new.type,
            'size', new.size_bytes,
            'uploadedBytes', case when new.state = 'pending' and new.uploaded_bytes > 0 then new.uploaded_bytes end,
            'stage', case when told = 'media.progress' then new.stage end,
            'progress', case when told = 'media.progress' then new.progress end,
            'error', case when new.error_code is not null
                then jsonb_build_object('code', new.error_code, 'reason', new.error_reason) end
        ))
    );
    perform pg_notify('events', new.owner_id);
    return null;
end
$$;

create trigger events_follow_state after update of state on media
    for each row when (old.state is distinct from new.state) execute function events_follow_media();

create trigger events_follow_progress after update of uploaded_bytes on media
    for each row when (new.state = 'pending' and old.state = 'pending' and new.uploaded_bytes > old.uploaded_bytes)
    execute function events_follow_media();

create trigger events_follow_processing after update of stage, progress on media
    for each row when (
        new.state = 'processing' and old.state = 'processing'
        and (new.stage, new.progress) is distinct from (old.stage, old.progress)
    )
    execute function events_follow_media();

-- Where an owner's log ends: by the index of owners, however many events the planner expects an owner to have. Whoever
-- has read a list goes on in the log from there.
create function end_of_log(owner text) returns table (last_event_id bigint) language sql stable parallel safe as $$
    select coalesce((
        select id
        from (
            select owner_id, id from events where (owner_id, id) <= (owner, 9223372036854775807)
            order by owner_id desc, id desc limit 1
        ) as last_event
        where owner_id = owner
    ), 0)
$$;
