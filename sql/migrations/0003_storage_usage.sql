-- The quota of an owner without another one: that of the free plan, 50 MiB.
create function default_quota_bytes() returns bigint language sql immutable parallel safe as $$
    select 52428800::bigint
$$;

-- Usage is the sum of the media rows by construction: a trigger moves it by what each row weighed and weighs.
create table storage_usage (
    owner_id text primary key
        constraint storage_usage_owner_has_a_name check (char_length(owner_id) between 1 and 128),
    quota_bytes bigint not null default default_quota_bytes()
        constraint storage_usage_quota_is_positive check (quota_bytes > 0),
    -- Verified originals, by type.
    image_bytes bigint not null default 0 constraint storage_usage_image_is_counted check (image_bytes >= 0),
    video_bytes bigint not null default 0 constraint storage_usage_video_is_counted check (video_bytes >= 0),
    audio_bytes bigint not null default 0 constraint storage_usage_audio_is_counted check (audio_bytes >= 0),
    used_bytes bigint not null generated always as (image_bytes + video_bytes + audio_bytes) stored,
    -- What signed URLs may still bring, and what tombstones may still hold.
    reserved_bytes bigint not null default 0 constraint storage_usage_reserved_is_counted check (reserved_bytes >= 0),
    rendition_bytes bigint not null default 0
        constraint storage_usage_renditions_are_counted check (rendition_bytes >= 0),
    -- Whether renditions count against the quota. This and the limits come with every upload, as the plan does.
    renditions_count boolean not null default false,
    -- Rows of the owner, tombstones included, and those of them whose bytes may still be completed.
    media_count integer not null default 0,
    pending_count integer not null default 0,
    max_media integer not null default 100000,
    max_pending integer not null default 10000,
    constraint storage_usage_media_are_counted check (pending_count between 0 and media_count)
) with (fillfactor = 50);

-- What a row holds of its owner's quota as a verified original.
create function media_used_bytes(m media) returns bigint language sql immutable as $$
    select case when m.state in ('processing', 'ready', 'failed') then m.size_bytes else 0 end
$$;

-- What a row holds of its owner's quota for bytes that may still arrive, or are not yet proven gone. A deleted upload
-- in parts holds nothing when storage does not know it: it was never begun there, or storage has dropped it.
create function media_reserved_bytes(m media) returns bigint language sql immutable as $$
    select case
        when m.state = 'pending' then m.size_bytes
        when m.state = 'deleted' and (m.transfer <> 'parts' or m.multipart_id is not null) then m.size_bytes
        else 0
    end
$$;

-- What the renditions of a row weigh, until it is deleted.
create function media_rendition_bytes(m media) returns bigint language sql immutable as $$
    select case when m.renditions = '[]' or m.state = 'deleted' then 0 else (
        select coalesce(sum((made ->> 'size_bytes')::bigint), 0)::bigint from jsonb_array_elements(m.renditions) as made
    ) end
$$;

-- What an owner holds of the quota.
create function held_bytes(usage storage_usage) returns bigint language sql immutable as $$
    select usage.used_bytes + usage.reserved_bytes
        + case when usage.renditions_count then usage.rendition_bytes else 0 end
$$;

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

-- The facts of such a rule's refusal.
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

-- Move an owner's usage by what a row weighed and weighs, and hold what has grown against quota and limits.
create function storage_usage_follow_media() returns trigger language plpgsql as $$
declare
    owner constant text := coalesce(new.owner_id, old.owner_id);
    kind constant text := coalesce(new.type, old.type);
    used constant bigint := media_used_bytes(new) - media_used_bytes(old);
    reserved constant bigint := media_reserved_bytes(new) - media_reserved_bytes(old);
    renditions constant bigint := case tg_op
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
    if used = 0 and reserved = 0 and renditions = 0 and media = 0 and pending = 0 then
        return null;
    end if;
    loop
        update storage_usage set
            image_bytes = image_bytes + case kind when 'image' then used else 0 end,
            video_bytes = video_bytes + case kind when 'video' then used else 0 end,
            audio_bytes = audio_bytes + case kind when 'audio' then used else 0 end,
            reserved_bytes = reserved_bytes + reserved,
            rendition_bytes = rendition_bytes + renditions,
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

create trigger storage_usage_follow_media after insert or delete on media
    for each row execute function storage_usage_follow_media();

-- A row is weighed again when something has changed that its weight depends on.
create trigger storage_usage_follow_changes after update on media
    for each row
    when ((new.state, new.size_bytes, new.renditions, new.multipart_id)
        is distinct from (old.state, old.size_bytes, old.renditions, old.multipart_id))
    execute function storage_usage_follow_media();

-- A tombstone may weigh nothing, and yet it is counted: an owner who has one is not forgotten.
create function storage_usage_stays() returns trigger language plpgsql as $$
begin
    return null;
end
$$;

create trigger storage_usage_stays before delete on storage_usage
    for each row when (old.media_count > 0) execute function storage_usage_stays();

-- Whatever touches an owner's media takes the media row first, then the owner's usage, then the idempotency keys. A row
-- that goes takes its key along by the foreign key, before usage follows it, so it must ask for the usage row before.
create function media_lock_usage() returns trigger language plpgsql as $$
begin
    perform from storage_usage where owner_id = old.owner_id for no key update;
    return old;
end
$$;

create trigger media_lock_usage before delete on media
    for each row execute function media_lock_usage();
