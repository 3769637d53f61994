-- PostgreSQL reads every check of a table anew for each statement that writes to it, which took most of the time of an
-- upload: so what calls reserve together is written together.
create function insert_uploads(calls jsonb, positions integer[]) returns void language plpgsql as $$
begin
    with call as materialized (
        select * from jsonb_to_recordset(calls) as call(
            "position" integer, procedure text, request_id text, id uuid, owner_id text, user_id text, type text,
            purpose text, filename text, mime_type text, size_bytes bigint, sha256 text, staging_key text,
            url_expires_at timestamptz, url_ends_at timestamptz, sweep_at timestamptz, transfer text, part_bytes bigint,
            upload_expires_at timestamptz, idempotency_key text, now timestamptz
        ) where "position" = any(positions) order by owner_id, "position"
    ),
    uploads as (
        insert into media (
            id, owner_id, user_id, type, purpose, filename, mime_type, size_bytes, sha256, staging_key,
            url_expires_at, url_ends_at, sweep_at, transfer, part_bytes, upload_expires_at, created_at, updated_at
        )
        select
            id, owner_id, user_id, type, purpose, filename, mime_type, size_bytes, sha256, staging_key,
            url_expires_at, url_ends_at, sweep_at, transfer, part_bytes, upload_expires_at, now, now
        from call
    ),
    keys as (
        insert into idempotency_keys (user_id, key, media_id, created_at)
        select user_id, idempotency_key, id, now from call where idempotency_key is not null
        on conflict (user_id, key) do update set media_id = excluded.media_id, created_at = excluded.created_at
    )
    insert into audit (at, user_id, procedure, request_id, owner_id, media_id, input)
    select
        now, user_id, procedure, request_id, owner_id, id,
        jsonb_build_object('filename', filename, 'contentType', mime_type, 'size', size_bytes)
    from call;
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
    -- The calls that are reserved and not yet inserted, and their keys.
    reserved integer[] := '{}';
    reserved_keys text[] := '{}';
begin
    for call in
        with asked as materialized (
            select *, quote_literal(user_id) || idempotency_key as whole_key from jsonb_to_recordset(calls) as call(
                "position" integer, procedure text, id uuid, owner_id text, user_id text, quota_bytes bigint,
                purpose text, filename text, mime_type text, size_bytes bigint, sha256 text, transfer text,
                part_bytes bigint, idempotency_key text, key_from timestamptz, limit_calls integer,
                limit_seconds integer, now timestamptz, renditions_count boolean
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
        if usage.owner_id is distinct from call.owner_id then
            select * into usage from storage_usage where owner_id = call.owner_id for update;
            if not found then
                insert into storage_usage (owner_id, quota_bytes)
                values (call.owner_id, coalesce(call.quota_bytes, 52428800))
                on conflict (owner_id) do update set owner_id = excluded.owner_id
                returning * into usage;
            end if;
        end if;

        -- What a plan or a key depends on is inserted before: an insert is held against the plan as it is then.
        if usage.quota_bytes <> call.quota_bytes or usage.renditions_count <> call.renditions_count
            or call.whole_key = any(reserved_keys)
        then
            perform insert_uploads(calls, reserved);
            reserved := '{}';
            reserved_keys := '{}';
            update storage_usage set
                quota_bytes = coalesce(call.quota_bytes, quota_bytes),
                renditions_count = coalesce(call.renditions_count, renditions_count)
            where owner_id = call.owner_id
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

        if held_bytes(usage) + call.size_bytes > usage.quota_bytes then
            outcome := 'over quota';
            facts := jsonb_build_object(
                'used', usage.used_bytes,
                'reserved', usage.reserved_bytes,
                'quota', usage.quota_bytes,
                'available', greatest(0, usage.quota_bytes - held_bytes(usage)),
                'required', call.size_bytes
            );
            return next;
            continue;
        end if;

        usage.reserved_bytes := usage.reserved_bytes + call.size_bytes;
        reserved := reserved || call."position";
        reserved_keys := reserved_keys || call.whole_key;
        outcome := 'reserved';
        id := call.id;
        return next;
    end loop;
    perform insert_uploads(calls, reserved);
end
$$;

-- The same of their events.
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

drop trigger events_follow_insert on media;
create trigger events_follow_inserts after insert on media referencing new table as inserted
    for each statement execute function events_follow_inserts();
