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

-- name: find_event :one read
-- The first that happened to this media of these owners, null for anybody's.
select {event} from events
where media_id = %(media_id)s and owned_by(owner_id, %(owners)s)
order by id
limit 1;
