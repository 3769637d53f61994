-- Usage is the sum of the media rows by construction: a trigger moves it by what each row weighed and weighs.
create table storage_usage (
    owner_id text primary key
        constraint storage_usage_owner_has_a_name check (char_length(owner_id) between 1 and 64),
    -- 50 MiB: the free plan.
    quota_bytes bigint not null default 52428800 constraint storage_usage_quota_is_positive check (quota_bytes > 0),
    -- Verified originals, by type.
    image_bytes bigint not null default 0 constraint storage_usage_image_is_counted check (image_bytes >= 0),
    video_bytes bigint not null default 0 constraint storage_usage_video_is_counted check (video_bytes >= 0),
    audio_bytes bigint not null default 0 constraint storage_usage_audio_is_counted check (audio_bytes >= 0),
    used_bytes bigint not null generated always as (image_bytes + video_bytes + audio_bytes) stored,
    -- What signed URLs may still bring, and what tombstones may still hold.
    reserved_bytes bigint not null default 0 constraint storage_usage_reserved_is_counted check (reserved_bytes >= 0)
);

-- What a row holds of its owner's quota as a verified original.
create function media_used_bytes(m media) returns bigint language sql immutable as $$
    select case when m.state in ('processing', 'ready', 'failed') then m.size_bytes else 0 end
$$;

-- What a row holds of its owner's quota for bytes that may still arrive, or are not yet proven gone.
create function media_reserved_bytes(m media) returns bigint language sql immutable as $$
    select case when m.state in ('pending', 'deleted') then m.size_bytes else 0 end
$$;

create function storage_usage_follow_media() returns trigger language plpgsql as $$
declare
    owner constant text := coalesce(new.owner_id, old.owner_id);
    kind constant text := coalesce(new.type, old.type);
    used constant bigint := media_used_bytes(new) - media_used_bytes(old);
    reserved constant bigint := media_reserved_bytes(new) - media_reserved_bytes(old);
    usage storage_usage;
begin
    if used = 0 and reserved = 0 then
        return null;
    end if;
    loop
        update storage_usage set
            image_bytes = image_bytes + case kind when 'image' then used else 0 end,
            video_bytes = video_bytes + case kind when 'video' then used else 0 end,
            audio_bytes = audio_bytes + case kind when 'audio' then used else 0 end,
            reserved_bytes = reserved_bytes + reserved
        where owner_id = owner
            -- The quota stops growth only: a lowered plan takes nothing away from what is there.
            and (used + reserved <= 0 or used_bytes + reserved_bytes + used + reserved <= quota_bytes);
        exit when found;

        select * into usage from storage_usage where owner_id = owner for update;
        if not found then
            insert into storage_usage (owner_id) values (owner) on conflict do nothing;
        elsif usage.used_bytes + usage.reserved_bytes + used + reserved > usage.quota_bytes then
            raise exception 'over quota' using
                errcode = 'check_violation',
                constraint = 'storage_usage_within_quota',
                table = 'storage_usage',
                detail = json_build_object(
                    'used', usage.used_bytes,
                    'reserved', usage.reserved_bytes,
                    'quota', usage.quota_bytes,
                    'available', greatest(0, usage.quota_bytes - usage.used_bytes - usage.reserved_bytes),
                    'required', used + reserved
                );
        end if;
    end loop;
    return null;
end
$$;

create trigger storage_usage_follow_media after insert or update or delete on media
    for each row execute function storage_usage_follow_media();
