-- How bytes come: by one PUT, in parts, or through the server. Parts are asked of storage, which alone knows them.
alter table media
    add column transfer text not null default 'put'
        constraint media_transfer_is_known check (transfer in ('put', 'parts', 'content')),
    -- Every part has this size but the last one.
    add column part_bytes bigint constraint media_parts_have_a_size check (part_bytes > 0),
    -- S3's id of the multipart upload, null until it is begun.
    add column multipart_id text,
    -- Until when parts may be sent; every signing puts it off.
    add column upload_expires_at timestamptz,
    -- Bytes in storage when somebody looked last.
    add column uploaded_bytes bigint not null default 0
        constraint media_uploaded_is_part_of_it check (uploaded_bytes between 0 and size_bytes),
    add constraint media_parts_are_described check (
        (transfer = 'parts') = (part_bytes is not null) and (transfer = 'parts') = (upload_expires_at is not null)
    );

-- Unfinished uploads, to be resumed.
create index media_unfinished_of_owner on media (owner_id, id desc) where state = 'pending';

alter table events drop constraint events_type_is_known, add constraint events_type_is_known check (type in (
    'upload.started', 'upload.progress', 'media.processing', 'media.ready', 'media.failed', 'media.deleted'
));

create or replace function events_follow_media() returns trigger language plpgsql as $$
begin
    perform from storage_usage where owner_id = new.owner_id for no key update;
    insert into events (type, media_id, owner_id, at, data) values (
        case
            when new.state <> 'pending' then 'media.' || new.state
            when new.uploaded_bytes > 0 then 'upload.progress'
            else 'upload.started'
        end,
        new.id,
        new.owner_id,
        new.updated_at,
        jsonb_strip_nulls(jsonb_build_object(
            'status', new.state,
            'type', new.type,
            'size', new.size_bytes,
            'uploadedBytes', case when new.state = 'pending' and new.uploaded_bytes > 0 then new.uploaded_bytes end,
            'error', case when new.error_code is not null
                then jsonb_build_object('code', new.error_code, 'reason', new.error_reason) end
        ))
    );
    perform pg_notify('events', new.owner_id);
    return null;
end
$$;

create trigger events_follow_progress after update of uploaded_bytes on media
    for each row when (new.state = 'pending' and old.state = 'pending' and new.uploaded_bytes > old.uploaded_bytes)
    execute function events_follow_media();

create or replace function media_keep_rules() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then
        -- A row goes only as a tombstone: storage has been proven clean, and the deletion is in the log.
        if old.state <> 'deleted' then
            raise exception 'media % is % and has no tombstone', old.id, old.state
                using errcode = 'check_violation', constraint = 'media_leaves_a_tombstone', table = 'media';
        end if;
        return old;
    end if;

    -- What an upload declared is final: quota, signature and keys were built on it. Through the server its size and
    -- its digest are known once it has arrived.
    if (new.id, new.owner_id, new.user_id, new.type, new.purpose, new.mime_type, new.staging_key, new.transfer,
            new.part_bytes)
        is distinct from
       (old.id, old.owner_id, old.user_id, old.type, old.purpose, old.mime_type, old.staging_key, old.transfer,
            old.part_bytes)
        or (new.size_bytes, new.sha256) is distinct from (old.size_bytes, old.sha256)
            and not (old.transfer = 'content' and old.state = 'pending')
    then
        raise exception 'media % cannot change what it declared', old.id
            using errcode = 'check_violation', constraint = 'media_declaration_is_final', table = 'media';
    end if;

    -- Publication is write-once.
    if old.original_key is not null and new.original_key is distinct from old.original_key then
        raise exception 'media % is published already', old.id
            using errcode = 'check_violation', constraint = 'media_publication_is_final', table = 'media';
    end if;

    if new.state <> old.state and (old.state, new.state) not in (
        ('pending', 'processing'),
        ('processing', 'ready'),
        ('processing', 'failed'),
        ('failed', 'processing'),
        ('pending', 'deleted'),
        ('processing', 'deleted'),
        ('ready', 'deleted'),
        ('failed', 'deleted')
    ) then
        raise exception 'media % cannot go from % to %', old.id, old.state, new.state
            using errcode = 'check_violation', constraint = 'media_state_follows_its_life', table = 'media';
    end if;
    return new;
end
$$;

-- The call's rate is counted first, in the order of the callers; then the owners' rows are taken, in their order. So no
-- two such statements wait for each other in a circle.
create or replace function reserve_uploads(calls jsonb) returns table (
    "position" integer, outcome text, facts jsonb, id uuid
) language plpgsql as $$
#variable_conflict use_column
declare
    call record;
    usage storage_usage;
    known record;
begin
    for call in
        with asked as materialized (
            select * from jsonb_to_recordset(calls) as call(
                "position" integer, procedure text, request_id text, id uuid, owner_id text, user_id text,
                quota_bytes bigint, type text, purpose text, filename text, mime_type text, size_bytes bigint,
                sha256 text, staging_key text, url_expires_at timestamptz, url_ends_at timestamptz, sweep_at timestamptz,
                transfer text, part_bytes bigint, upload_expires_at timestamptz, idempotency_key text,
                key_from timestamptz, limit_calls integer, limit_seconds integer, now timestamptz
            ) order by user_id, procedure, "position"
        ),
        counted as materialized (
            select *, rate_windows_count(user_id, procedure, limit_calls, limit_seconds, now) as wait from asked
        )
        select * from counted order by owner_id, "position"
    loop
        "position" := call."position";
        facts := null;
        id := null;

        if call.wait > 0 then
            outcome := 'limited';
            facts := jsonb_build_object('retry_after', ceil(call.wait));
            return next;
            continue;
        end if;

        -- From here on the owner's uploads are reserved one after the other.
        select * into usage from storage_usage where owner_id = call.owner_id for update;
        if not found then
            insert into storage_usage (owner_id, quota_bytes)
            values (call.owner_id, coalesce(call.quota_bytes, 52428800))
            on conflict (owner_id) do update set owner_id = excluded.owner_id
            returning * into usage;
        end if;
        if usage.quota_bytes <> call.quota_bytes then
            update storage_usage set quota_bytes = call.quota_bytes where owner_id = call.owner_id
            returning * into usage;
        end if;

        if call.idempotency_key is not null then
            select media.id, media.state,
                (media.owner_id, media.filename, media.mime_type, media.purpose, media.sha256, media.transfer,
                        media.part_bytes)
                    is not distinct from
                (call.owner_id, call.filename, call.mime_type, call.purpose, call.sha256, call.transfer,
                        call.part_bytes)
                and (media.size_bytes = call.size_bytes or call.transfer = 'content') as same
            into known
            from idempotency_keys as named join media on media.id = named.media_id
            where named.user_id = call.user_id and named.key = call.idempotency_key
                and named.created_at > call.key_from;
            if found then
                outcome := case when known.same and known.state <> 'deleted' then 'known' else 'taken' end;
                id := known.id;
                return next;
                continue;
            end if;
        end if;

        if usage.used_bytes + usage.reserved_bytes + call.size_bytes > usage.quota_bytes then
            outcome := 'over quota';
            facts := jsonb_build_object(
                'used', usage.used_bytes,
                'reserved', usage.reserved_bytes,
                'quota', usage.quota_bytes,
                'available', greatest(0, usage.quota_bytes - usage.used_bytes - usage.reserved_bytes),
                'required', call.size_bytes
            );
            return next;
            continue;
        end if;

        insert into media (
            id, owner_id, user_id, type, purpose, filename, mime_type, size_bytes, sha256, staging_key,
            url_expires_at, url_ends_at, sweep_at, transfer, part_bytes, upload_expires_at, created_at, updated_at
        ) values (
            call.id, call.owner_id, call.user_id, call.type, call.purpose, call.filename, call.mime_type,
            call.size_bytes, call.sha256, call.staging_key, call.url_expires_at, call.url_ends_at, call.sweep_at,
            call.transfer, call.part_bytes, call.upload_expires_at, call.now, call.now
        );
        if call.idempotency_key is not null then
            insert into idempotency_keys (user_id, key, media_id, created_at)
            values (call.user_id, call.idempotency_key, call.id, call.now)
            on conflict (user_id, key) do update set
                media_id = excluded.media_id, created_at = excluded.created_at;
        end if;
        insert into audit (at, user_id, procedure, request_id, owner_id, media_id, input) values (
            call.now, call.user_id, call.procedure, call.request_id, call.owner_id, call.id,
            jsonb_build_object('filename', call.filename, 'contentType', call.mime_type, 'size', call.size_bytes)
        );
        outcome := 'reserved';
        id := call.id;
        return next;
    end loop;
end
$$;
