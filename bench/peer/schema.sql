-- The same job's tables: what is kept of an upload, what its owner uses, what happened, who did what,
-- how often it was called.
create table media (
    id uuid primary key,
    owner_id text not null,
    state text not null check (state in ('pending', 'processing', 'ready', 'failed', 'deleted')),
    type text not null check (type in ('image', 'video', 'audio')),
    purpose text not null,
    filename text not null,
    mime_type text not null,
    size_bytes bigint not null check (size_bytes > 0),
    sha256 text,
    staging_key text not null,
    url_expires_at timestamptz not null,
    sweep_at timestamptz,
    created_at timestamptz not null default now()
);
create index media_of_owner on media (owner_id, id desc) where state <> 'deleted';
create index media_due_for_sweep on media (sweep_at) where sweep_at is not null;

create table storage_usage (
    owner_id text primary key,
    quota_bytes bigint not null,
    image_bytes bigint not null default 0,
    video_bytes bigint not null default 0,
    audio_bytes bigint not null default 0,
    reserved_bytes bigint not null default 0 check (reserved_bytes >= 0)
) with (fillfactor = 50);

create table events (
    id bigint generated always as identity primary key,
    type text not null,
    media_id uuid not null,
    owner_id text not null,
    at timestamptz not null default now(),
    data jsonb not null
);
create index events_of_owner on events (owner_id, id);
create index events_of_media on events (media_id, id);

create table audit (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    user_id text not null,
    procedure text not null,
    request_id text not null,
    owner_id text not null,
    media_id uuid,
    input jsonb not null
);
create index audit_of_owner on audit (owner_id, id desc);
create index audit_of_media on audit (media_id, id desc) where media_id is not null;

create unlogged table rate_windows (
    caller_id text not null,
    procedure text not null,
    began_at timestamptz not null,
    calls integer not null,
    primary key (caller_id, procedure)
) with (fillfactor = 50);
