-- Who has cancelled an upload by one PUT, and has no room to try the same file again, is not refused for the bytes that
-- the first try still holds: the new upload takes its place. It keeps the key that the first try's URL writes to, so that
-- both URLs together bring one object, and what is reserved is still all that can come.
--
-- Calls are told by their places in the array, from 0.

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
                    call.owner_id, coalesce(call.quota_bytes, 52428800), coalesce(call.max_media, 100000),
                    coalesce(call.max_pending, 10000)
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
                renditions_count = coalesce(call.renditions_count, renditions_count),
                max_media = coalesce(call.max_media, max_media),
                max_pending = coalesce(call.max_pending, max_pending)
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
            -- The row is not waited for: who holds it removes it, and waits for the usage row that is held here.
            select * into cancelled from media
            where owner_id = call.owner_id and deleted_at is not null and original_key is null and error_code is null
                and (transfer, filename, mime_type, purpose, size_bytes, sha256)
                    is not distinct from
                    (call.transfer, call.filename, call.mime_type, call.purpose, call.size_bytes, call.sha256)
            order by url_ends_at desc
            limit 1
            for update skip locked;
            if found then
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
            -- Who tells no limits is the version before, which knows of the quota alone.
            outcome := case when broken = 'storage_usage_within_quota' or call.max_media is null then 'over quota'
                else broken end;
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
