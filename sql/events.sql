-- Queries about the log of what happened.

-- name: read_events :many read
-- What happened to an owner's media after an event, oldest first.
select {event} from events where owner_id = %(owner_id)s and id > %(after)s order by id limit %(limit)s;

-- name: read_events_of_media :many read
-- What happened to one media of an owner after an event, oldest first.
select {event} from events
where media_id = %(media_id)s and owner_id = %(owner_id)s and id > %(after)s
order by id
limit %(limit)s;

-- name: read_settled_events :many read
-- What happened to anybody's media after an event, in an order in which nothing comes in between any more: whoever is to
-- commit has the number of the oldest transaction that is open, or a higher one.
select {event}, xid::text::bigint as xid from events
where (xid, id) > (%(xid)s::text::xid8, %(after)s) and xid < pg_snapshot_xmin(pg_current_snapshot())
order by events.xid, id
limit %(limit)s;

-- name: read_last_settled_event :one read
-- The last of these events. (Without its table, xid would be the number that is answered, in no index.)
select {event}, xid::text::bigint as xid from events
where xid < pg_snapshot_xmin(pg_current_snapshot())
order by events.xid desc, id desc
limit 1;

-- name: read_last_event :one read
-- Where an owner's log ends.
select last_event_id from end_of_log(%(owner_id)s);

-- name: find_owner :one read
-- Whose this media of these owners is, null for anybody's, as its row knows, or the log of one that is gone.
select owner_id from media where id = %(media_id)s and owned_by(owner_id, %(owners)s)
union all
select owner_id from events where media_id = %(media_id)s and owned_by(owner_id, %(owners)s)
limit 1;
