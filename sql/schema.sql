-- What a database looks like that has every migration, without the tables of the job queue (procrastinate).
-- Written by `make schema`; what the rules are for stands in the migrations.

CREATE TABLE media (
    id uuid NOT NULL,
    owner_id text NOT NULL,
    user_id text NOT NULL,
    state text DEFAULT 'pending'::text NOT NULL,
    type text NOT NULL,
    purpose text DEFAULT 'post'::text NOT NULL,
    filename text NOT NULL,
    mime_type text NOT NULL,
    detected_type text,
    size_bytes bigint NOT NULL,
    sha256 text,
    transfer text DEFAULT 'put'::text NOT NULL,
    staging_key text NOT NULL,
    url_expires_at timestamp with time zone NOT NULL,
    url_ends_at timestamp with time zone NOT NULL,
    part_bytes bigint,
    multipart_id text,
    upload_expires_at timestamp with time zone,
    uploaded_bytes bigint DEFAULT 0 NOT NULL,
    original_key text,
    width integer,
    height integer,
    duration double precision,
    renditions jsonb DEFAULT '[]'::jsonb NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    exif jsonb,
    stage text,
    progress smallint DEFAULT 0 NOT NULL,
    attempts smallint DEFAULT 0 NOT NULL,
    run uuid,
    failures smallint DEFAULT 0 NOT NULL,
    error_code text,
    error_reason text,
    post_id text,
    post_position integer,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    deleted_at timestamp with time zone,
    sweep_at timestamp with time zone,
    CONSTRAINT media_attempts_are_counted CHECK ((attempts >= 0)),
    CONSTRAINT media_detected_type_differs CHECK ((detected_type <> mime_type)),
    CONSTRAINT media_dimensions_come_together CHECK ((((width IS NULL) = (height IS NULL)) AND ((width IS NULL) OR ((width > 0) AND (height > 0))))),
    CONSTRAINT media_duration_is_positive CHECK ((duration > (0)::double precision)),
    CONSTRAINT media_failure_has_a_reason CHECK ((((error_code IS NULL) = (error_reason IS NULL)) AND ((state <> 'failed'::text) OR (error_code IS NOT NULL)) AND ((state = ANY (ARRAY['failed'::text, 'deleted'::text])) OR (error_code IS NULL)))),
    CONSTRAINT media_failures_are_counted CHECK ((failures >= 0)),
    CONSTRAINT media_filename_fits CHECK (((char_length(filename) >= 1) AND (char_length(filename) <= 255))),
    CONSTRAINT media_has_a_place_in_its_post CHECK (((post_id IS NULL) = (post_position IS NULL))),
    CONSTRAINT media_of_a_post_is_published CHECK (((post_id IS NULL) OR (state <> 'pending'::text))),
    CONSTRAINT media_original_is_verified CHECK ((((state <> 'pending'::text) OR (original_key IS NULL)) AND ((state <> ALL (ARRAY['processing'::text, 'ready'::text, 'failed'::text])) OR (original_key IS NOT NULL)))),
    CONSTRAINT media_owner_has_a_name CHECK (((char_length(owner_id) >= 1) AND (char_length(owner_id) <= 128))),
    CONSTRAINT media_parts_are_described CHECK ((((transfer = 'parts'::text) = (part_bytes IS NOT NULL)) AND ((transfer = 'parts'::text) = (upload_expires_at IS NOT NULL)))),
    CONSTRAINT media_parts_have_a_size CHECK ((part_bytes > 0)),
    CONSTRAINT media_post_has_a_name CHECK (((char_length(post_id) >= 1) AND (char_length(post_id) <= 64))),
    CONSTRAINT media_progress_is_percent CHECK (((progress >= 0) AND (progress <= 100))),
    CONSTRAINT media_purpose_is_known CHECK ((purpose = ANY (ARRAY['post'::text, 'profile'::text]))),
    CONSTRAINT media_renditions_have_an_original CHECK (((state <> 'pending'::text) OR ((renditions = '[]'::jsonb) AND (attempts = 0)))),
    CONSTRAINT media_sha256_is_hex CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT media_size_is_positive CHECK (((size_bytes >= 1) AND (size_bytes <= '9007199254740991'::bigint))),
    CONSTRAINT media_stage_is_known CHECK ((stage = ANY (ARRAY['downloading'::text, 'scanning'::text, 'rendering'::text, 'encoding'::text, 'publishing'::text]))),
    CONSTRAINT media_state_is_known CHECK ((state = ANY (ARRAY['pending'::text, 'processing'::text, 'ready'::text, 'failed'::text, 'deleted'::text]))),
    CONSTRAINT media_tombstone_has_a_date CHECK (((state = 'deleted'::text) = (deleted_at IS NOT NULL))),
    CONSTRAINT media_transfer_is_known CHECK ((transfer = ANY (ARRAY['put'::text, 'parts'::text, 'content'::text]))),
    CONSTRAINT media_type_is_known CHECK ((type = ANY (ARRAY['image'::text, 'video'::text, 'audio'::text]))),
    CONSTRAINT media_unfinished_is_swept CHECK (((state <> ALL (ARRAY['pending'::text, 'deleted'::text])) OR (sweep_at IS NOT NULL))),
    CONSTRAINT media_uploaded_is_part_of_it CHECK (((uploaded_bytes >= 0) AND (uploaded_bytes <= size_bytes))),
    CONSTRAINT media_url_ends_last CHECK (((created_at < url_expires_at) AND (url_expires_at <= url_ends_at)))
);

CREATE FUNCTION attach_to_post(post text, ids uuid[], owners text[], most integer, changed_at timestamp with time zone) RETURNS SETOF media
    LANGUAGE plpgsql
    AS $$
declare
    chosen media;
    owner text;
    filled integer;
begin
    perform from media where id = any(ids) and owned_by(owner_id, owners) order by id for no key update;
    for chosen in
        select media.* from unnest(ids) with ordinality as asked(id, place)
        left join media on media.id = asked.id and owned_by(media.owner_id, owners)
        order by asked.place
    loop
        owner := coalesce(owner, chosen.owner_id);
        if chosen.post_id is distinct from post then
            perform media_may_serve(chosen, 'post');
        end if;
        if chosen.post_id <> post then
            perform refuse('media_belongs_to_one_post',
                jsonb_build_object('media_id', chosen.id, 'post_id', chosen.post_id));
        elsif chosen.owner_id <> owner then
            perform refuse('post_belongs_to_one_owner', jsonb_build_object('media_id', chosen.id));
        end if;
    end loop;

    -- From here on the owner's posts are filled one after the other.
    perform from storage_usage where owner_id = owner for no key update;
    select coalesce(max(post_position), 0) into filled from media where owner_id = owner and post_id = post;
    update media set post_id = post, post_position = filled + added.place, updated_at = changed_at
    from (
        select id, row_number() over (order by min(asked.place)) as place
        from unnest(ids) with ordinality as asked(id, place) group by id
    ) as added
    where media.id = added.id and media.post_id is null;
    if found then
        select * into chosen from media where owner_id = owner and post_id = post order by post_position offset most;
        if found then
            perform refuse('post_has_room',
                jsonb_build_object('media_id', chosen.id, 'post_id', post, 'limit', most));
        end if;
    end if;

    return query select * from media where owner_id = owner and post_id = post order by post_position;
end
$$;

CREATE FUNCTION cancelled_upload(owner text, filename text, mime_type text, purpose text, size_bytes bigint, sha256 text) RETURNS media
    LANGUAGE sql
    AS $$
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

CREATE FUNCTION default_quota_bytes() RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select 52428800::bigint
$$;

CREATE FUNCTION end_of_log(owner text) RETURNS TABLE(last_event_id bigint)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    select coalesce((
        select id
        from (
            select owner_id, id from events where (owner_id, id) <= (owner, 9223372036854775807)
            order by owner_id desc, id desc limit 1
        ) as last_event
        where owner_id = owner
    ), 0)
$$;

CREATE FUNCTION events_follow_inserts() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION events_follow_media() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION events_follow_their_owner() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    new.xid := greatest(pg_current_xact_id(), (
        select xid
        from (
            select owner_id, xid from events where (owner_id, id) <= (new.owner_id, new.id)
            order by owner_id desc, id desc limit 1
        ) as last_event
        where owner_id = new.owner_id and xid < pg_snapshot_xmax(pg_current_snapshot())
    ));
    return new;
end
$$;

CREATE TABLE storage_usage (
    owner_id text NOT NULL,
    quota_bytes bigint DEFAULT default_quota_bytes() NOT NULL,
    image_bytes bigint DEFAULT 0 NOT NULL,
    video_bytes bigint DEFAULT 0 NOT NULL,
    audio_bytes bigint DEFAULT 0 NOT NULL,
    used_bytes bigint GENERATED ALWAYS AS (((image_bytes + video_bytes) + audio_bytes)) STORED NOT NULL,
    reserved_bytes bigint DEFAULT 0 NOT NULL,
    rendition_bytes bigint DEFAULT 0 NOT NULL,
    renditions_count boolean DEFAULT false NOT NULL,
    media_count integer DEFAULT 0 NOT NULL,
    pending_count integer DEFAULT 0 NOT NULL,
    max_media integer DEFAULT 100000 NOT NULL,
    max_pending integer DEFAULT 10000 NOT NULL,
    CONSTRAINT storage_usage_audio_is_counted CHECK ((audio_bytes >= 0)),
    CONSTRAINT storage_usage_image_is_counted CHECK ((image_bytes >= 0)),
    CONSTRAINT storage_usage_media_are_counted CHECK (((pending_count >= 0) AND (pending_count <= media_count))),
    CONSTRAINT storage_usage_owner_has_a_name CHECK (((char_length(owner_id) >= 1) AND (char_length(owner_id) <= 128))),
    CONSTRAINT storage_usage_quota_is_positive CHECK ((quota_bytes > 0)),
    CONSTRAINT storage_usage_renditions_are_counted CHECK ((rendition_bytes >= 0)),
    CONSTRAINT storage_usage_reserved_is_counted CHECK ((reserved_bytes >= 0)),
    CONSTRAINT storage_usage_video_is_counted CHECK ((video_bytes >= 0))
)
WITH (fillfactor='50');

CREATE FUNCTION held_bytes(usage storage_usage) RETURNS bigint
    LANGUAGE sql IMMUTABLE
    AS $$
    select usage.used_bytes + usage.reserved_bytes
        + case when usage.renditions_count then usage.rendition_bytes else 0 end
$$;

CREATE FUNCTION insert_uploads(calls jsonb, positions integer[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION media_keep_renditions() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise exception 'the renditions of media % are published already', old.id
        using errcode = 'check_violation', constraint = 'media_renditions_are_final', table = 'media';
end
$$;

CREATE FUNCTION media_keep_rules() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION media_leave_post() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    new.post_id := null;
    new.post_position := null;
    return new;
end
$$;

CREATE FUNCTION media_lock_usage() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    perform from storage_usage where owner_id = old.owner_id for no key update;
    return old;
end
$$;

CREATE FUNCTION media_may_serve(media media, wanted text) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    if coalesce(media.state, 'deleted') = 'deleted' then
        perform refuse('media_is_there', '{}');
    elsif media.purpose <> wanted then
        perform refuse('media_serves_its_purpose',
            jsonb_build_object('media_id', media.id, 'purpose', media.purpose));
    elsif media.state not in ('processing', 'ready') then
        perform refuse('media_is_usable', jsonb_build_object('media_id', media.id, 'status', media.state));
    end if;
end
$$;

CREATE FUNCTION media_rendition_bytes(m media) RETURNS bigint
    LANGUAGE sql IMMUTABLE
    AS $$
    select case when m.renditions = '[]' or m.state = 'deleted' then 0 else (
        select coalesce(sum((made ->> 'size_bytes')::bigint), 0)::bigint from jsonb_array_elements(m.renditions) as made
    ) end
$$;

CREATE FUNCTION media_reserved_bytes(m media) RETURNS bigint
    LANGUAGE sql IMMUTABLE
    AS $$
    select case
        when m.state = 'pending' then m.size_bytes
        when m.state = 'deleted' and (m.transfer <> 'parts' or m.multipart_id is not null) then m.size_bytes
        else 0
    end
$$;

CREATE FUNCTION media_used_bytes(m media) RETURNS bigint
    LANGUAGE sql IMMUTABLE
    AS $$
    select case when m.state in ('processing', 'ready', 'failed') then m.size_bytes else 0 end
$$;

CREATE FUNCTION name_holds(name text, part text, variants text, plain text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select strpos(
        translate(
            case
                when octet_length(name) = char_length(name) then name
                else replace(replace(replace(normalize(name, nfkc), 'ß', 'ss'), 'ẞ', 'ss'), U&'i\0307', 'i')
            end,
            variants,
            plain
        ),
        part
    ) > 0
$$;

CREATE FUNCTION next_look_after_deletion(state text, url_ends_at timestamp with time zone, deleted_at timestamp with time zone, look_at timestamp with time zone) RETURNS timestamp with time zone
    LANGUAGE sql IMMUTABLE
    AS $$
    select case
        when url_ends_at > deleted_at then url_ends_at
        when state = 'pending' then deleted_at
        else look_at
    end
$$;

CREATE FUNCTION owned_by(owner_id text, owners text[]) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    AS $$
    select owners is null or owner_id = any(owners)
$$;

CREATE FUNCTION rate_windows_charge(caller text, called text, limit_calls integer, limit_seconds integer, called_at timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION rate_windows_count(caller text, called text, limit_calls integer, limit_seconds integer, called_at timestamp with time zone) RETURNS double precision
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION refusal_facts(usage storage_usage, broken text, required bigint) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    AS $$
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

CREATE FUNCTION refuse(rule text, facts jsonb) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    raise exception '%', rule using errcode = 'check_violation', constraint = rule, detail = facts;
end
$$;

CREATE FUNCTION reserve_uploads(calls jsonb) RETURNS TABLE("position" integer, outcome text, facts jsonb, id uuid)
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION rule_against(usage storage_usage, more_bytes bigint, more_media integer, more_pending integer) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$
    select case
        when more_bytes > 0 and held_bytes(usage) + more_bytes > usage.quota_bytes then 'storage_usage_within_quota'
        when more_media > 0 and usage.media_count + more_media > usage.max_media then 'owner_has_room_for_media'
        when more_pending > 0 and usage.pending_count + more_pending > usage.max_pending
            then 'owner_has_room_for_uploads'
    end
$$;

CREATE FUNCTION set_profile_image(chosen uuid, owners text[], changed_at timestamp with time zone, look_at timestamp with time zone) RETURNS SETOF media
    LANGUAGE plpgsql
    AS $$
declare
    image media;
    former media;
begin
    select * into image from media where id = chosen and owned_by(owner_id, owners);
    -- Which row is the former one must not change while it is waited for: an owner's images are set in turn.
    perform pg_advisory_xact_lock(hashtextextended('profile image of ' || image.owner_id, 0));
    perform from media
    where id in (chosen, (select media_id from profile_images where owner_id = image.owner_id))
    order by id for no key update;
    select * into image from media where id = chosen and owned_by(owner_id, owners);
    select media.* into former from profile_images join media on media.id = profile_images.media_id
    where profile_images.owner_id = image.owner_id and media.state <> 'deleted';

    if former.id is distinct from image.id or image.id is null then
        perform media_may_serve(image, 'profile');
        if image.type <> 'image' then
            perform refuse('profile_image_is_an_image', jsonb_build_object('media_id', image.id, 'type', image.type));
        end if;
        return query select * from soft_delete_media(array[former.id], null, changed_at, look_at);
        insert into profile_images (owner_id, media_id) values (image.owner_id, image.id)
        on conflict (owner_id) do update set media_id = excluded.media_id;
        update media set updated_at = changed_at where id = image.id returning * into image;
    end if;
    return next image;
end
$$;

CREATE FUNCTION soft_delete_media(ids uuid[], owners text[], changed_at timestamp with time zone, look_at timestamp with time zone) RETURNS SETOF media
    LANGUAGE plpgsql
    AS $$
begin
    perform from media where id = any(ids) and owned_by(owner_id, owners) order by id for no key update;
    perform from storage_usage
    where owner_id in (select media.owner_id from media where id = any(ids) and owned_by(media.owner_id, owners))
    order by owner_id for no key update;

    return query
        update media set
            state = 'deleted', deleted_at = changed_at, updated_at = changed_at,
            sweep_at = next_look_after_deletion(state, url_ends_at, changed_at, look_at)
        where id = any(ids) and owned_by(owner_id, owners) and state <> 'deleted'
        returning *;
end
$$;

CREATE FUNCTION storage_usage_follow_media() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION storage_usage_stays() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    return null;
end
$$;

CREATE TABLE audit (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    user_id text NOT NULL,
    procedure text NOT NULL,
    request_id text NOT NULL,
    owner_id text NOT NULL,
    media_id uuid,
    input jsonb NOT NULL
);

ALTER TABLE audit ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE events (
    id bigint NOT NULL,
    type text NOT NULL,
    media_id uuid NOT NULL,
    owner_id text NOT NULL,
    at timestamp with time zone NOT NULL,
    data jsonb NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    CONSTRAINT events_type_is_known CHECK ((type = ANY (ARRAY['upload.started'::text, 'upload.progress'::text, 'media.processing'::text, 'media.progress'::text, 'media.ready'::text, 'media.failed'::text, 'media.deleted'::text])))
);

ALTER TABLE events ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE idempotency_keys (
    user_id text NOT NULL,
    key text NOT NULL,
    media_id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT idempotency_keys_key_fits CHECK (((char_length(key) >= 1) AND (char_length(key) <= 255)))
);

CREATE TABLE lane_clocks (
    queue text NOT NULL,
    turn bigint NOT NULL
);

CREATE TABLE lane_turns (
    queue text NOT NULL,
    owner_id text NOT NULL,
    turn bigint NOT NULL
);

CREATE TABLE migrations (
    name text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE profile_images (
    owner_id text NOT NULL,
    media_id uuid NOT NULL
);

CREATE UNLOGGED TABLE rate_windows (
    caller_id text NOT NULL,
    procedure text NOT NULL,
    newest bigint NOT NULL,
    calls integer[] NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    CONSTRAINT rate_windows_are_whole CHECK ((cardinality(calls) = 61))
)
WITH (fillfactor='50');

ALTER TABLE ONLY audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (id);

ALTER TABLE ONLY events
    ADD CONSTRAINT events_pkey PRIMARY KEY (id);

ALTER TABLE ONLY idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (user_id, key);

ALTER TABLE ONLY lane_clocks
    ADD CONSTRAINT lane_clocks_pkey PRIMARY KEY (queue);

ALTER TABLE ONLY lane_turns
    ADD CONSTRAINT lane_turns_pkey PRIMARY KEY (queue, owner_id);

ALTER TABLE ONLY media
    ADD CONSTRAINT media_pkey PRIMARY KEY (id);

ALTER TABLE ONLY migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (name);

ALTER TABLE ONLY profile_images
    ADD CONSTRAINT profile_images_media_id_key UNIQUE (media_id);

ALTER TABLE ONLY profile_images
    ADD CONSTRAINT profile_images_pkey PRIMARY KEY (owner_id);

ALTER TABLE ONLY rate_windows
    ADD CONSTRAINT rate_windows_pkey PRIMARY KEY (caller_id, procedure);

ALTER TABLE ONLY storage_usage
    ADD CONSTRAINT storage_usage_pkey PRIMARY KEY (owner_id);

CREATE INDEX audit_of_media ON audit USING btree (media_id, id DESC) WHERE (media_id IS NOT NULL);

CREATE INDEX audit_of_owner ON audit USING btree (owner_id, id DESC);

CREATE INDEX events_of_all ON events USING btree (xid, id);

CREATE INDEX events_of_media ON events USING btree (media_id, id);

CREATE INDEX events_of_owner ON events USING btree (owner_id, id);

CREATE INDEX idempotency_keys_by_age ON idempotency_keys USING btree (created_at);

CREATE INDEX idempotency_keys_of_media ON idempotency_keys USING btree (media_id);

CREATE INDEX jobs_of_media ON procrastinate_jobs USING btree (((args ->> 'media_id'::text))) WHERE (status = ANY (ARRAY['todo'::procrastinate_job_status, 'doing'::procrastinate_job_status]));

CREATE INDEX jobs_that_ended ON procrastinate_jobs USING btree (id) WHERE (status = ANY (ARRAY['failed'::procrastinate_job_status, 'cancelled'::procrastinate_job_status, 'aborted'::procrastinate_job_status]));

CREATE INDEX media_due_for_sweep ON media USING btree (sweep_at) WHERE (sweep_at IS NOT NULL);

CREATE INDEX media_of_owner ON media USING btree (owner_id, id DESC) INCLUDE (type, state, filename) WHERE (state <> 'deleted'::text);

CREATE UNIQUE INDEX media_of_post ON media USING btree (owner_id, post_id, post_position) WHERE (post_id IS NOT NULL);

CREATE INDEX media_replaceable ON media USING btree (owner_id, size_bytes, filename) WHERE ((deleted_at IS NOT NULL) AND (original_key IS NULL) AND (error_code IS NULL) AND (transfer = 'put'::text));

CREATE INDEX media_tombstones_of_owner ON media USING btree (owner_id, url_ends_at) WHERE (deleted_at IS NOT NULL);

CREATE INDEX media_unfinished_of_owner ON media USING btree (owner_id, id DESC) WHERE (state = 'pending'::text);

CREATE INDEX rate_windows_by_end ON rate_windows USING btree (ends_at);

CREATE TRIGGER events_follow_inserts AFTER INSERT ON media REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION events_follow_inserts();

CREATE TRIGGER events_follow_processing AFTER UPDATE OF stage, progress ON media FOR EACH ROW WHEN (((new.state = 'processing'::text) AND (old.state = 'processing'::text) AND ((new.stage IS DISTINCT FROM old.stage) OR (new.progress IS DISTINCT FROM old.progress)))) EXECUTE FUNCTION events_follow_media();

CREATE TRIGGER events_follow_progress AFTER UPDATE OF uploaded_bytes ON media FOR EACH ROW WHEN (((new.state = 'pending'::text) AND (old.state = 'pending'::text) AND (new.uploaded_bytes > old.uploaded_bytes))) EXECUTE FUNCTION events_follow_media();

CREATE TRIGGER events_follow_state AFTER UPDATE OF state ON media FOR EACH ROW WHEN ((old.state IS DISTINCT FROM new.state)) EXECUTE FUNCTION events_follow_media();

CREATE TRIGGER events_follow_their_owner BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION events_follow_their_owner();

CREATE TRIGGER media_keep_renditions BEFORE UPDATE OF renditions ON media FOR EACH ROW WHEN (((old.state <> 'processing'::text) AND (new.renditions <> old.renditions))) EXECUTE FUNCTION media_keep_renditions();

CREATE TRIGGER media_keep_rules BEFORE DELETE OR UPDATE ON media FOR EACH ROW EXECUTE FUNCTION media_keep_rules();

CREATE TRIGGER media_leave_post BEFORE UPDATE OF state ON media FOR EACH ROW WHEN (((new.state = 'deleted'::text) AND (new.post_id IS NOT NULL))) EXECUTE FUNCTION media_leave_post();

CREATE TRIGGER media_lock_usage BEFORE DELETE ON media FOR EACH ROW EXECUTE FUNCTION media_lock_usage();

CREATE TRIGGER storage_usage_follow_changes AFTER UPDATE ON media FOR EACH ROW WHEN (((((new.state IS DISTINCT FROM old.state) OR (new.size_bytes IS DISTINCT FROM old.size_bytes)) OR (new.renditions IS DISTINCT FROM old.renditions)) OR (new.multipart_id IS DISTINCT FROM old.multipart_id))) EXECUTE FUNCTION storage_usage_follow_media();

CREATE TRIGGER storage_usage_follow_media AFTER INSERT OR DELETE ON media FOR EACH ROW EXECUTE FUNCTION storage_usage_follow_media();

CREATE TRIGGER storage_usage_stays BEFORE DELETE ON storage_usage FOR EACH ROW WHEN ((old.media_count > 0)) EXECUTE FUNCTION storage_usage_stays();

ALTER TABLE ONLY idempotency_keys
    ADD CONSTRAINT idempotency_keys_media_id_fkey FOREIGN KEY (media_id) REFERENCES media(id) ON DELETE CASCADE;

ALTER TABLE ONLY profile_images
    ADD CONSTRAINT profile_images_media_id_fkey FOREIGN KEY (media_id) REFERENCES media(id) ON DELETE CASCADE;
