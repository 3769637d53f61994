-- What a caller named an initiate by, so that a repetition finds the upload of the first one.
create table idempotency_keys (
    owner_id text not null,
    key text not null constraint idempotency_keys_key_fits check (char_length(key) between 1 and 255),
    -- The key goes with its upload.
    media_id uuid not null references media (id) on delete cascade,
    created_at timestamptz not null,
    primary key (owner_id, key)
);

create index idempotency_keys_of_media on idempotency_keys (media_id);
-- What has aged out.
create index idempotency_keys_by_age on idempotency_keys (created_at);
