-- Who changed what, when, and in which request: written by the transaction that changes it.
create table audit (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    user_id text not null,
    procedure text not null,
    request_id text not null,
    owner_id text not null,
    -- Not a foreign key: the record outlives the row. A call that changes several media leaves a record for each.
    media_id uuid,
    input jsonb not null
);

create index audit_of_owner on audit (owner_id, id desc);
create index audit_of_media on audit (media_id, id desc) where media_id is not null;
