-- One row per upload for its whole life: declared, filled, verified, ready or failed, deleted, gone.
create table media (
    -- UUIDv7: the order of ids is the order of creation, which makes the id the cursor of a listing.
    id uuid primary key,
    -- Owners belong to the host application; their ids are opaque text.
    owner_id text not null constraint media_owner_has_a_name check (char_length(owner_id) between 1 and 64),
    state text not null default 'pending'
        constraint media_state_is_known check (state in ('pending', 'processing', 'ready', 'failed', 'deleted')),
    type text not null constraint media_type_is_known check (type in ('image', 'video', 'audio')),
    purpose text not null default 'post' constraint media_purpose_is_known check (purpose in ('post', 'profile')),
    filename text not null constraint media_filename_fits check (char_length(filename) between 1 and 255),
    mime_type text not null,
    -- Byte counts stay exact in JavaScript.
    size_bytes bigint not null constraint media_size_is_positive check (size_bytes between 1 and 9007199254740991),
    sha256 text constraint media_sha256_is_hex check (sha256 ~ '^[0-9a-f]{64}$'),

    -- The key that the signed URL writes to, until url_expires_at by the store's clock.
    staging_key text not null,
    url_expires_at timestamptz not null,
    -- After this no byte can arrive any more: expiry, clock skew and bytes in flight.
    url_ends_at timestamptz not null,
    -- The write-once key of the verified bytes; it is never signed for writing.
    original_key text,

    -- Pixels, as displayed.
    width integer,
    height integer,

    error_code text,
    error_reason text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    -- When the sweeper looks at storage for this row next; null when nothing is left to look for.
    sweep_at timestamptz,

    -- A URL ends no earlier than it expires, and expires after it was made.
    constraint media_url_ends_last check (created_at < url_expires_at and url_expires_at <= url_ends_at),
    -- Whatever is processed or served has verified bytes at a write-once key; a pending upload has none.
    constraint media_original_is_verified check (
        (state <> 'pending' or original_key is null)
        and (state not in ('processing', 'ready', 'failed') or original_key is not null)
    ),
    constraint media_dimensions_come_together check (
        (width is null) = (height is null) and (width is null or (width > 0 and height > 0))
    ),
    -- A failed media says why; a deleted one may, when its upload was refused.
    constraint media_failure_has_a_reason check (
        (error_code is null) = (error_reason is null)
        and (state <> 'failed' or error_code is not null)
        and (state in ('failed', 'deleted') or error_code is null)
    ),
    constraint media_tombstone_has_a_date check ((state = 'deleted') = (deleted_at is not null)),
    -- An upload or a tombstone is always due for another look: none is forgotten.
    constraint media_unfinished_is_swept check (state not in ('pending', 'deleted') or sweep_at is not null)
);

-- A page of an owner's media, newest first.
create index media_of_owner on media (owner_id, id desc) where state <> 'deleted';
-- What the sweeper has to look at next.
create index media_due_for_sweep on media (sweep_at) where sweep_at is not null;

-- The life of a media, and what may never change in it.
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

    -- What an upload declared is final: quota, signature and keys were built on it.
    if (new.id, new.owner_id, new.type, new.purpose, new.mime_type, new.size_bytes, new.sha256, new.staging_key)
        is distinct from
       (old.id, old.owner_id, old.type, old.purpose, old.mime_type, old.size_bytes, old.sha256, old.staging_key)
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
