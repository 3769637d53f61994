-- What was made of an original, by whom and how far it is. The renditions stand in the row: they are published by the one
-- statement that makes the media ready, and read with it.
alter table media
    -- [{"name", "key", "mime_type", "size_bytes", "width", "height", "duration"}], in their fixed order.
    add column renditions jsonb not null default '[]',
    -- What is safe to show.
    add column metadata jsonb not null default '{}',
    -- Seconds.
    add column duration double precision constraint media_duration_is_positive check (duration > 0),
    -- When and with what it was made; no caller is told.
    add column capture jsonb,
    -- What a worker is at, how far it is (percent), and the how manieth attempt it is.
    add column stage text
        constraint media_stage_is_known check (stage in ('downloading', 'scanning', 'rendering', 'publishing')),
    add column progress smallint not null default 0 constraint media_progress_is_percent check (progress between 0 and 100),
    add column attempts smallint not null default 0 constraint media_attempts_are_counted check (attempts >= 0),
    -- Only what is processed, or was, has been made anything of.
    add constraint media_renditions_have_an_original check (state <> 'pending' or (renditions = '[]' and attempts = 0));

alter table events drop constraint events_type_is_known, add constraint events_type_is_known check (type in (
    'upload.started', 'upload.progress', 'media.processing', 'media.progress', 'media.ready', 'media.failed',
    'media.deleted'
));

create or replace function events_follow_media() returns trigger language plpgsql as $$
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

create trigger events_follow_processing after update of stage, progress on media
    for each row when (
        new.state = 'processing' and old.state = 'processing'
        and (new.stage, new.progress) is distinct from (old.stage, old.progress)
    )
    execute function events_follow_media();

-- What is published of a media never changes: its keys are in caches.
create function media_keep_renditions() returns trigger language plpgsql as $$
begin
    raise exception 'the renditions of media % are published already', old.id
        using errcode = 'check_violation', constraint = 'media_renditions_are_final', table = 'media';
end
$$;

create trigger media_keep_renditions before update of renditions on media
    for each row when (old.state <> 'processing' and new.renditions <> old.renditions)
    execute function media_keep_renditions();
