-- A media belongs to an owner: a user, or an event, a team ... of the host application. An owner's id here is the user's
-- own, or type:id; a user's that holds a colon stands as user:id, so that no user is taken for another owner.
alter table media drop constraint media_owner_has_a_name;
alter table storage_usage drop constraint storage_usage_owner_has_a_name;

alter table media disable trigger user;
update media set owner_id = 'user:' || owner_id where position(':' in owner_id) > 0;
alter table media enable trigger user;
update storage_usage set owner_id = 'user:' || owner_id where position(':' in owner_id) > 0;
update events set owner_id = 'user:' || owner_id where position(':' in owner_id) > 0;

alter table media
    add constraint media_owner_has_a_name check (char_length(owner_id) between 1 and 128),
    -- The user who uploaded it.
    add column user_id text;
update media set user_id = case when owner_id like 'user:%' then substr(owner_id, 6) else owner_id end;
alter table media alter column user_id set not null;

alter table storage_usage
    add constraint storage_usage_owner_has_a_name check (char_length(owner_id) between 1 and 128);

-- A key is its caller's own, whoever the upload belongs to.
alter table idempotency_keys rename column owner_id to user_id;

-- Whether a row belongs to one of these owners; null stands for everybody.
create function owned_by(owner_id text, owners text[]) returns boolean language sql immutable as $$
    select owners is null or owner_id = any(owners)
$$;
