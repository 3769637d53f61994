-- Initiates that arrive together are reserved by one statement. Each gets an outcome of its own.
alter table storage_usage set (fillfactor = 50);

create function reserve_uploads(calls jsonb) returns table (
    "position" integer, outcome text, facts jsonb, id uuid
) language plpgsql as $$
#variable_conflict use_column
declare
    call record;
    usage storage_usage;
    known record;
    wait double precision;
begin
    -- In the order of the owners, so that two such statements never wait for each other in a circle.
    for call in
        select * from jsonb_to_recordset(calls) as call(
            "position" integer, id uuid, owner_id text, quota_bytes bigint, type text, purpose text, filename text,
            mime_type text, size_bytes bigint, sha256 text, staging_key text, url_expires_at timestamptz,
            url_ends_at timestamptz, idempotency_key text, key_from timestamptz, limit_calls integer,
            limit_seconds integer, now timestamptz
        ) order by owner_id, "position"
    loop
        "position" := call."position";
        facts := null;
        id := null;

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

        wait := rate_windows_count(
            call.owner_id, 'media.initiateUpload', call.limit_calls, call.limit_seconds, call.now
        );
        if wait > 0 then
            outcome := 'limited';
            facts := jsonb_build_object('retry_after', ceil(wait));
            return next;
            continue;
        end if;

        if call.idempotency_key is not null then
            select media.id, media.state,
                (media.filename, media.mime_type, media.size_bytes, media.purpose, media.sha256)
                    is not distinct from
                (call.filename, call.mime_type, call.size_bytes, call.purpose, call.sha256) as same
            into known
            from idempotency_keys as named join media on media.id = named.media_id
            where named.owner_id = call.owner_id and named.key = call.idempotency_key
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
            id, owner_id, type, purpose, filename, mime_type, size_bytes, sha256, staging_key,
            url_expires_at, url_ends_at, sweep_at, created_at, updated_at
        ) values (
            call.id, call.owner_id, call.type, call.purpose, call.filename, call.mime_type, call.size_bytes,
            call.sha256, call.staging_key, call.url_expires_at, call.url_ends_at, call.url_ends_at, call.now, call.now
        );
        if call.idempotency_key is not null then
            insert into idempotency_keys (owner_id, key, media_id, created_at)
            values (call.owner_id, call.idempotency_key, call.id, call.now)
            on conflict (owner_id, key) do update set
                media_id = excluded.media_id, created_at = excluded.created_at;
        end if;
        outcome := 'reserved';
        id := call.id;
        return next;
    end loop;
end
$$;
