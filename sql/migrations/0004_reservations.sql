-- The caller's name for an initiate, by which a repetition finds the upload of the first one.
create table idempotency_keys (
    -- A key is its caller's own, whoever the upload belongs to.
    user_id text not null,
    key text not null constraint idempotency_keys_key_fits check (char_length(key) between 1 and 255),
    -- The key goes with its upload.
    media_id uuid not null references media (id) on delete cascade,
    created_at timestamptz not null,
    primary key (user_id, key)
);

create index idempotency_keys_of_media on idempotency_keys (media_id);
-- What has aged out.
create index idempotency_keys_by_age on idempotency_keys (created_at);

-- How often a caller called a procedure lately. Losing it in a crash of the server costs nothing but a fresh window.
create unlogged table rate_windows (
    caller_id text not null,
    procedure text not null,
    -- The number of the newest slot since 1970; a slot is a sixtieth of the window.
    newest bigint not null,
    -- Calls in the newest slot and in the sixty before it, newest first. Together they cover the whole window at any
    -- time, so no moving window ever holds more calls than the limit.
    calls integer[] not null constraint rate_windows_are_whole check (cardinality(calls) = 61),
    ends_at timestamptz not null,
    primary key (caller_id, procedure)
) with (fillfactor = 50);

create index rate_windows_by_end on rate_windows (ends_at);

-- Count a call, unless its window is full: then say in how many seconds there is room, and count nothing. A limit of no
-- calls is none: null. The sweep may forget a window just when its caller comes back: the row that was found is gone
-- when it can be locked, and then the window begins anew.
create function rate_windows_count(
    caller text, called text, limit_calls integer, limit_seconds integer, called_at timestamptz
) returns double precision language plpgsql as $$
declare
    slot_seconds constant double precision := limit_seconds / 60.0;
    slot bigint := floor(extract(epoch from called_at) / slot_seconds);
    past rate_windows;
    slots integer[];
    passed bigint;
    held bigint := 0;
begin
    if limit_calls is null then
        return 0;
    end if;
    loop
        select * into past from rate_windows where caller_id = caller and procedure = called for update;
        exit when found;
        insert into rate_windows values (caller, called, slot, array_fill(0, array[61]), called_at)
            on conflict do nothing;
    end loop;

    -- Clocks differ between servers; the window's own never runs back.
    slot := greatest(slot, past.newest);
    passed := least(slot - past.newest, 61);
    slots := array_fill(0, array[passed::integer]) || past.calls[1:(61 - passed)];

    for place in 1..61 loop
        held := held + slots[place];
        if held >= limit_calls then
            -- The slot at this place has to leave: that is when it would move to place 62.
            return greatest(
                (slot + 62 - place) * slot_seconds - extract(epoch from called_at), slot_seconds
            );
        end if;
    end loop;

    slots[1] := slots[1] + 1;
    update rate_windows set
        newest = slot, calls = slots, ends_at = to_timestamp((slot + 62) * slot_seconds)
    where caller_id = caller and procedure = called;
    return 0;
end
$$;

-- Count a call that another statement follows: a full window is an error, which keeps that statement from running.
create function rate_windows_charge(
    caller text, called text, limit_calls integer, limit_seconds integer, called_at timestamptz
) returns void language plpgsql as $$
declare
    wait constant double precision := rate_windows_count(caller, called, limit_calls, limit_seconds, called_at);
begin
    if wait > 0 then
        raise exception 'window full' using
            errcode = 'check_violation',
            constraint = 'rate_windows_have_room',
            table = 'rate_windows',
            detail = json_build_object('retry_after', ceil(wait));
    end if;
end
$$;

-- Write what calls reserve together: PostgreSQL reads every check of a table anew for each statement that writes to it,
-- which took most of the time of an upload.
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

-- A cancelled upload of this very file by one PUT, whose place a new one may take. A row that is locked is not waited
-- for: who holds it removes it, and waits for the usage row, which is locked here.
create function cancelled_upload(
    owner text, filename text, mime_type text, purpose text, size_bytes bigint, sha256 text
) returns media language sql as $$
    select * from media
    where media.owner_id = owner and deleted_at is not null and original_key is null and error_code is null
        and transfer = 'put'
        -- A job that is on its way to its objects would take those of the new upload.
        and not exists (
            select from procrastinate_jobs
            where args ->> 'media_id' = media.id::text and status in ('todo', 'doing')
        )
        and (media.filename, media.mime_type, media.purpose, media.size_bytes, media.sha256)
            is not distinct from
            (cancelled_upload.filename, cancelled_upload.mime_type, cancelled_upload.purpose,
                cancelled_upload.size_bytes, cancelled_upload.sha256)
    order by url_ends_at desc
    limit 1
    for update skip locked
$$;

-- Reserve uploads that arrive together, by one statement; each has an outcome of its own. `position` is a call's place
-- in the array, from 0.
--
-- The calls' rates are counted first, in the order of the callers; then the owners' rows are taken, in their order. So
-- no two such statements wait for each other in a circle.
--
-- Who has cancelled an upload by one PUT, and has no room to try the same file again, is not refused for the bytes that
-- the first try still holds: the new upload takes its place. It keeps the key that the first try's URL writes to, so
-- that both URLs together bring one object, and what is reserved is still all that can come.
create function reserve_uploads(calls jsonb) returns table (
    "position" integer, outcome text, facts jsonb, id uuid
) language plpgsql as $$
#variable_conflict use_column
declare
    call record;
    usage storage_usage;
    known record;
    cancelled media;
    without storage_usage;
    ends_at timestamptz;
    broken text;
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
                limit_seconds integer, now timestamptz, url_ends_at timestamptz, renditions_count boolean,
                max_media integer, max_pending integer
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
                insert into storage_usage (owner_id, quota_bytes, max_media, max_pending)
                values (
                    call.owner_id, coalesce(call.quota_bytes, default_quota_bytes()), call.max_media, call.max_pending
                )
                on conflict (owner_id) do update set owner_id = excluded.owner_id
                returning * into usage;
            end if;
        end if;

        -- What a plan, a limit or a key depends on is inserted before: an insert is held against them as they are then.
        if usage.quota_bytes <> call.quota_bytes or usage.renditions_count <> call.renditions_count
            or usage.max_media <> call.max_media or usage.max_pending <> call.max_pending
            or call.whole_key = any(reserved_keys)
        then
            perform insert_uploads(calls, reserved);
            reserved := '{}';
            reserved_keys := '{}';
            update storage_usage set
                quota_bytes = coalesce(call.quota_bytes, quota_bytes),
                renditions_count = call.renditions_count,
                max_media = call.max_media,
                max_pending = call.max_pending
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

        broken := rule_against(usage, call.size_bytes, 1, 1);
        if broken is not null and call.transfer = 'put' then
            cancelled := cancelled_upload(
                call.owner_id, call.filename, call.mime_type, call.purpose, call.size_bytes, call.sha256
            );
            if cancelled.id is not null then
                without := usage;
                without.reserved_bytes := usage.reserved_bytes - cancelled.size_bytes;
                without.media_count := usage.media_count - 1;
                if rule_against(without, call.size_bytes, 1, 1) is null then
                    delete from media where media.id = cancelled.id;
                    usage := without;
                    broken := null;
                    ends_at := greatest(call.url_ends_at, cancelled.url_ends_at);
                    facts := jsonb_build_object('staging_key', cancelled.staging_key);
                    calls := jsonb_set(
                        calls, array[call."position"::text], calls -> call."position" || facts
                            || jsonb_build_object('url_ends_at', ends_at, 'sweep_at', ends_at)
                    );
                end if;
            end if;
        end if;
        if broken is not null then
            outcome := case broken when 'storage_usage_within_quota' then 'over quota' else broken end;
            facts := refusal_facts(usage, outcome, call.size_bytes);
            return next;
            continue;
        end if;

        usage.reserved_bytes := usage.reserved_bytes + call.size_bytes;
        usage.media_count := usage.media_count + 1;
        usage.pending_count := usage.pending_count + 1;
        reserved := reserved || call."position";
        reserved_keys := reserved_keys || call.whole_key;
        outcome := 'reserved';
        id := call.id;
        return next;
    end loop;
    perform insert_uploads(calls, reserved);
end
$$;
