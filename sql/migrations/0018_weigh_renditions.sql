-- What renditions weigh stands in a ledger of its own, and counts against the quota where settings say so: they are told
-- with the next upload, as the plan is.
alter table storage_usage
    add column rendition_bytes bigint not null default 0
        constraint storage_usage_renditions_are_counted check (rendition_bytes >= 0),
    add column renditions_count boolean not null default false;

-- What an owner holds of the quota.
create function held_bytes(usage storage_usage) returns bigint language sql immutable as $$
    select usage.used_bytes + usage.reserved_bytes
        + case when usage.renditions_count then usage.rendition_bytes else 0 end
$$;

-- What the renditions of a row weigh, until it is deleted.
create function media_rendition_bytes(m media) returns bigint language sql immutable as $$
    select case when m.renditions = '[]' or m.state = 'deleted' then 0 else (
        select coalesce(sum((made ->> 'size_bytes')::bigint), 0)::bigint from jsonb_array_elements(m.renditions) as made
    ) end
$$;

create or replace function storage_usage_follow_media() returns trigger language plpgsql as $$
declare
    owner constant text := coalesce(new.owner_id, old.owner_id);
    kind constant text := coalesce(new.type, old.type);
    used constant bigint := media_used_bytes(new) - media_used_bytes(old);
    reserved constant bigint := media_reserved_bytes(new) - media_reserved_bytes(old);
    made constant bigint := case tg_op
        when 'UPDATE' then media_rendition_bytes(new) - media_rendition_bytes(old)
        when 'DELETE' then -media_rendition_bytes(old)
        else 0
    end;
    usage storage_usage;
begin
    if used = 0 and reserved = 0 and made = 0 then
        return null;
    end if;
    loop
        update storage_usage set
            image_bytes = image_bytes + case kind when 'image' then used else 0 end,
            video_bytes = video_bytes + case kind when 'video' then used else 0 end,
            audio_bytes = audio_bytes + case kind when 'audio' then used else 0 end,
            reserved_bytes = reserved_bytes + reserved,
            rendition_bytes = rendition_bytes + made
        where owner_id = owner
            -- The quota stops uploads only: a lowered plan takes nothing away from what is there, and what is stored
            -- gets its renditions.
            and (used + reserved <= 0 or held_bytes(storage_usage) + used + reserved <= quota_bytes);
        exit when found;

        select * into usage from storage_usage where owner_id = owner for update;
        if not found then
            insert into storage_usage (owner_id) values (owner) on conflict do nothing;
        elsif used + reserved > 0 and held_bytes(usage) + used + reserved > usage.quota_bytes then
            raise exception 'over quota' using
                errcode = 'check_violation',
                constraint = 'storage_usage_within_quota',
                table = 'storage_usage',
                detail = json_build_object(
                    'used', usage.used_bytes,
                    'reserved', usage.reserved_bytes,
                    'quota', usage.quota_bytes,
                    'available', greatest(0, usage.quota_bytes - held_bytes(usage)),
                    'required', used + reserved
                );
        end if;
    end loop;
    return null;
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
                key_from timestamptz, limit_calls integer, limit_seconds integer, now timestamptz,
                renditions_count boolean
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
        if usage.quota_bytes <> call.quota_bytes or usage.renditions_count <> call.renditions_count then
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

-- What was ready before there were renditions is to have them too: the sweeper finds it, and has it processed.
alter table media disable trigger user;
update media set state = 'processing', sweep_at = greatest(url_ends_at, now())
where state = 'ready';
alter table media enable trigger user;
