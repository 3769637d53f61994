-- Whoever has read a list goes on in the log from where it ended at that moment, and the logs of all owners can be read as
-- one.

-- Where an owner's log ends: by the index of owners, however many events the planner expects an owner to have.
create function end_of_log(owner text) returns table (last_event_id bigint) language sql stable parallel safe as $$
    select coalesce((
        select id
        from (
            select owner_id, id from events where (owner_id, id) <= (owner, 9223372036854775807)
            order by owner_id desc, id desc limit 1
        ) as last_event
        where owner_id = owner
    ), 0)
$$;

-- An id is drawn before its transaction commits, and one with a higher id may commit first: whoever reads the events of all
-- owners in the order of their ids misses some. In the order of (xid, id), below the oldest transaction that is still
-- open, nobody does. An event has the number of its transaction, or that of its owner's event before where that is
-- higher, since a transaction with a lower number may have waited for the other one: so the events of an owner stay in
-- their order. What there is by now was committed long ago.
alter table events add column xid xid8 not null default '0';
alter table events alter column xid set default pg_current_xact_id();

create index events_of_all on events (xid, id);

-- A number that is not given out yet comes from another cluster, whose dump was restored here.
create function events_follow_their_owner() returns trigger language plpgsql as $$
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

create trigger events_follow_their_owner before insert on events
    for each row execute function events_follow_their_owner();
