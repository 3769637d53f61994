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
