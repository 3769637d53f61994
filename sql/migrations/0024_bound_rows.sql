-- Bytes alone bound nobody's rows: three bytes are enough for one. So rows are counted as bytes are, by the same
-- triggers, and held against limits that settings tell with the next upload, as they tell whether renditions count.

-- Whoever writes waits while the rows are counted that are there; whoever reads does not.
lock table storage_usage, media in exclusive mode;

create temporary table counted on commit drop as
    select owner_id, count(*) as media_count, count(*) filter (where state = 'pending') as pending_count
    from media group by owner_id;

create temporary table unpublished on commit drop as
    select id, exists (select from events where media_id = media.id and type = 'media.ready') as was_ready
    from media where state in ('processing', 'failed');

alter table storage_usage
    -- Rows of the owner, tombstones included, and those of them whose bytes may still be completed.
    add column media_count integer not null default 0,
    add column pending_count integer not null default 0,
    add column max_media integer not null default 100000,
    add column max_pending integer not null default 10000,
    add constraint storage_usage_media_are_counted check (pending_count between 0 and media_count);

update storage_usage set media_count = counted.media_count, pending_count = counted.pending_count
from counted where counted.owner_id = storage_usage.owner_id;

-- The rule that so much more of an owner's would break; null where there is room. A lowered limit takes nothing away.
create function rule_against(usage storage_usage, more_bytes bigint, more_media integer, more_pending integer)
returns text language sql immutable as $$
    select case
        when more_bytes > 0 and held_bytes(usage) + more_bytes > usage.quota_bytes then 'storage_usage_within_quota'
        when more_media > 0 and usage.media_count + more_media > usage.max_media then 'owner_has_room_for_media'
        when more_pending > 0 and usage.pending_count + more_pending > usage.max_pending
            then 'owner_has_room_for_uploads'
    end
$$;

-- What is told of such a rule. Who knows of the quota alone reads the truth of the others too: no byte more is let in.
create function refusal_facts(usage storage_usage, broken text, required bigint)
returns jsonb language sql immutable as $$
    select jsonb_build_object(
        'used', usage.used_bytes,
        'reserved', usage.reserved_bytes,
        'quota', usage.quota_bytes,
        'available', case when broken in ('owner_has_room_for_media', 'owner_has_room_for_uploads') then 0
            else greatest(0, usage.quota_bytes - held_bytes(usage)) end,
        'required', required
    ) || case broken
        when 'owner_has_room_for_media'
            then jsonb_build_object('media', usage.media_count, 'max_media', usage.max_media)
        when 'owner_has_room_for_uploads'
            then jsonb_build_object('pending_uploads', usage.pending_count, 'max_pending_uploads', usage.max_pending)
        else '{}'
    end
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
    media constant integer := case tg_op when 'INSERT' then 1 when 'DELETE' then -1 else 0 end;
    pending constant integer :=
        coalesce((new.state = 'pending')::integer, 0) - coalesce((old.state = 'pending')::integer, 0);
    usage storage_usage;
    broken text;
begin
    if used = 0 and reserved = 0 and made = 0 and media = 0 and pending = 0 then
        return null;
    end if;
    loop
        update storage_usage set
            image_bytes = image_bytes + case kind when 'image' then used else 0 end,
            video_bytes = video_bytes + case kind when 'video' then used else 0 end,
            audio_bytes = audio_bytes + case kind when 'audio' then used else 0 end,
            reserved_bytes = reserved_bytes + reserved,
            rendition_bytes = rendition_bytes + made,
            media_count = media_count + media,
            pending_count = pending_count + pending
        -- What is stored gets its renditions, whatever they weigh.
        where owner_id = owner and rule_against(storage_usage, used + reserved, media, pending) is null;
        exit when found;

        select * into usage from storage_usage where owner_id = owner for update;
        if not found then
            insert into storage_usage (owner_id) values (owner) on conflict do nothing;
            continue;
        end if;
        broken := rule_against(usage, used + reserved, media, pending);
        if broken is not null then
            perform refuse(broken, refusal_facts(usage, broken, used + reserved));
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
                limit_seconds integer, now timestamptz, renditions_count boolean, max_media integer, max_pending integer
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

-- What fails goes after a while, unless it was ready once and has only been processed anew.
alter table media
    -- Whether it was, before a migration had it processed anew.
    add column was_ready boolean not null default false;

-- What has failed by now has another day.
update media set was_ready = unpublished.was_ready, sweep_at = coalesce(sweep_at, now() + interval '24 hours')
from unpublished where unpublished.id = media.id;

-- Jobs that ended, and not well: those that did well are gone.
create index jobs_that_ended on procrastinate_jobs (id) where status in ('failed', 'cancelled', 'aborted');
