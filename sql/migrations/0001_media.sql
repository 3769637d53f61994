-- One row per upload for its whole life: declared, filled, verified, ready or failed, deleted, gone.
create table media (
    -- UUIDv7: the order of ids is the order of creation, which makes the id the cursor of a listing.
    id uuid primary key,
    -- A user, or an event, a team ... of the host application: the user's own id, or type:id. A user's id that holds a
    -- colon stands as user:id, so that no user is taken for another owner.
    owner_id text not null constraint media_owner_has_a_name check (char_length(owner_id) between 1 and 128),
    -- The user who uploaded it.
    user_id text not null,
    state text not null default 'pending'
        constraint media_state_is_known check (state in ('pending', 'processing', 'ready', 'failed', 'deleted')),
    type text not null constraint media_type_is_known check (type in ('image', 'video', 'audio')),
    purpose text not null default 'post' constraint media_purpose_is_known check (purpose in ('post', 'profile')),
    filename text not null constraint media_filename_fits check (char_length(filename) between 1 and 255),
    -- The type that was declared.
    mime_type text not null,
    -- The type of the bytes, where that is another one which the same decoder reads.
    detected_type text constraint media_detected_type_differs check (detected_type <> mime_type),
    -- Byte counts stay exact in JavaScript.
    size_bytes bigint not null constraint media_size_is_positive check (size_bytes between 1 and 9007199254740991),
    sha256 text constraint media_sha256_is_hex check (sha256 ~ '^[0-9a-f]{64}$'),

    -- By one PUT, in parts, or through the server.
    transfer text not null default 'put'
        constraint media_transfer_is_known check (transfer in ('put', 'parts', 'content')),
    -- The key that the signed URL writes to, until url_expires_at by the store's clock.
    staging_key text not null,
    url_expires_at timestamptz not null,
    -- After this no byte can arrive any more: expiry, clock skew and bytes in flight.
    url_ends_at timestamptz not null,
    -- Every part has this size but the last one.
    part_bytes bigint constraint media_parts_have_a_size check (part_bytes > 0),
    -- S3's id of the multipart upload: null until it is begun, and once storage has dropped that of a deleted upload.
    multipart_id text,
    -- Until when parts may be sent; every signing extends it.
    upload_expires_at timestamptz,
    -- Bytes in storage at the last look.
    uploaded_bytes bigint not null default 0
        constraint media_uploaded_is_part_of_it check (uploaded_bytes between 0 and size_bytes),

    -- The write-once key of the verified bytes; it is never signed for writing.
    original_key text,
    -- Pixels, as displayed.
    width integer,
    height integer,
    -- Seconds.
    duration double precision constraint media_duration_is_positive check (duration > 0),
    -- [{"name", "key", "mime_type", "size_bytes", "width", "height", "duration"}], in their fixed order. They are
    -- published by the one statement that makes the media ready, and read with it.
    renditions jsonb not null default '[]',
    -- What is safe for everybody to read.
    metadata jsonb not null default '{}',
    -- When and with which device it was taken; no caller reads it.
    exif jsonb,

    -- The step that a worker is at, its progress in percent, and the number of the attempt.
    stage text constraint media_stage_is_known check (
        stage in ('downloading', 'scanning', 'rendering', 'encoding', 'publishing')
    ),
    progress smallint not null default 0 constraint media_progress_is_percent check (progress between 0 and 100),
    attempts smallint not null default 0 constraint media_attempts_are_counted check (attempts >= 0),
    -- The run that began last; what another run has rendered is not published.
    run uuid,
    -- Runs that failed in a way that may pass; outages do not count.
    failures smallint not null default 0 constraint media_failures_are_counted check (failures >= 0),
    error_code text,
    error_reason text,

    -- A media belongs to one post of its owner at most, at a place in it. Posts are the host application's; only their
    -- ids are known here.
    post_id text constraint media_post_has_a_name check (char_length(post_id) between 1 and 64),
    post_position integer,

    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    -- When the sweeper looks at storage for this row next; null when nothing is left to look for.
    sweep_at timestamptz,

    -- A URL ends no earlier than it expires, and expires after it was signed.
    constraint media_url_ends_last check (created_at < url_expires_at and url_expires_at <= url_ends_at),
    constraint media_parts_are_described check (
        (transfer = 'parts') = (part_bytes is not null) and (transfer = 'parts') = (upload_expires_at is not null)
    ),
    -- Whatever is processed or served has verified bytes at a write-once key; a pending upload has none.
    constraint media_original_is_verified check (
        (state <> 'pending' or original_key is null)
        and (state not in ('processing', 'ready', 'failed') or original_key is not null)
    ),
    constraint media_dimensions_come_together check (
        (width is null) = (height is null) and (width is null or (width > 0 and height > 0))
    ),
    -- Only what is processed, or was, has renditions.
    constraint media_renditions_have_an_original check (state <> 'pending' or (renditions = '[]' and attempts = 0)),
    -- A failed media says why; a deleted one may, when its upload was refused.
    constraint media_failure_has_a_reason check (
        (error_code is null) = (error_reason is null)
        and (state <> 'failed' or error_code is not null)
        and (state in ('failed', 'deleted') or error_code is null)
    ),
    constraint media_has_a_place_in_its_post check ((post_id is null) = (post_position is null)),
    constraint media_of_a_post_is_published check (post_id is null or state <> 'pending'),
    constraint media_tombstone_has_a_date check ((state = 'deleted') = (deleted_at is not null)),
    -- An upload or a tombstone is always due for another look: none is forgotten.
    constraint media_unfinished_is_swept check (state not in ('pending', 'deleted') or sweep_at is not null)
);

-- A page of an owner's media, newest first. A search reads the names in the index, without their rows.
create index media_of_owner on media (owner_id, id desc) include (type, state, filename) where state <> 'deleted';
-- Unfinished uploads, to be resumed.
create index media_unfinished_of_owner on media (owner_id, id desc) where state = 'pending';
-- No two media stand at one place of a post.
create unique index media_of_post on media (owner_id, post_id, post_position) where post_id is not null;
-- What the sweeper has to look at next.
create index media_due_for_sweep on media (sweep_at) where sweep_at is not null;
-- What an owner's tombstones hold, by when it comes back. They are found by their date, which they alone have, so that
-- no statement about one of them by its id is planned by this index where there are few.
create index media_tombstones_of_owner on media (owner_id, url_ends_at) where deleted_at is not null;
-- Cancelled uploads whose places the same file may take.
create index media_replaceable on media (owner_id, size_bytes, filename)
    where deleted_at is not null and original_key is null and error_code is null and transfer = 'put';
-- What is cancelled, retried or swept is looked up by its media, however long the queue is.
create index jobs_of_media on procrastinate_jobs ((args ->> 'media_id'))
    where status in ('todo', 'doing');
-- Jobs that ended, and not well: those that did well are gone.
create index jobs_that_ended on procrastinate_jobs (id) where status in ('failed', 'cancelled', 'aborted');

-- Whether a row belongs to one of these owners; null stands for everybody.
create function owned_by(owner_id text, owners text[]) returns boolean language sql immutable as $$
    select owners is null or owner_id = any(owners)
$$;

-- A search finds what people type: a plain space for every space, "ss" for ß, and İ by a plain i; compatibility
-- characters (NFKC) for what they stand for, as full-width letters and ligatures.
create function name_holds(name text, part text, variants text, plain text) returns boolean
language sql immutable parallel safe as $$
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

-- End the statement with the name of a rule that it would break, and the facts.
create function refuse(rule text, facts jsonb) returns void language plpgsql as $$
begin
    raise exception '%', rule using errcode = 'check_violation', constraint = rule, detail = facts;
end
$$;

-- What may become of a media: its declaration is final, its original is published once, and it leaves a tombstone.
create function media_keep_rules() returns trigger language plpgsql as $$
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

create trigger media_keep_rules before update or delete on media
    for each row execute function media_keep_rules();

-- What is published of a media never changes: its keys are in caches.
create function media_keep_renditions() returns trigger language plpgsql as $$
begin
    raise exception 'the renditions of media % are published already', old.id
        using errcode = 'check_violation', constraint = 'media_renditions_are_final', table = 'media';
end
$$;

create trigger media_keep_renditions before update of renditions on media
    for each row when (old.state <> 'processing' and new.renditions <> old.renditions)
    execute function media_keep_renditions();

-- When storage is looked at again after a deletion: at the end of the URL; past it, soon for an upload, which may have
-- come, and at look_at for what its job takes away.
create function next_look_after_deletion(
    state text, url_ends_at timestamptz, deleted_at timestamptz, look_at timestamptz
) returns timestamptz language sql immutable as $$
    select case
        when url_ends_at > deleted_at then url_ends_at
        when state = 'pending' then deleted_at
        else look_at
    end
$$;

-- Turn media of these owners into tombstones; those that were none before. Rows are locked before their owners' usage.
create function soft_delete_media(ids uuid[], owners text[], changed_at timestamptz, look_at timestamptz)
returns setof media language plpgsql as $$
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
