-- Queries that forget what nobody asks for any more, a thousand rows at a time: each answers how many they were.

-- name: clean_rate_windows :one
-- Windows that hold no call any more.
with forgotten as (
    delete from rate_windows where (caller_id, procedure) in (
        select caller_id, procedure from rate_windows
        where ends_at < %(before)s limit 1000 for update skip locked
    ) returning 1
)
select count(*) as rows from forgotten;

-- name: clean_idempotency_keys :one
-- Keys from before then.
with forgotten as (
    delete from idempotency_keys where (user_id, key) in (
        select user_id, key from idempotency_keys
        where created_at <= %(before)s limit 1000 for update skip locked
    ) returning 1
)
select count(*) as rows from forgotten;

-- name: clean_turns :one
-- What owners have had of lanes that are beyond it, or in which nobody waits.
with forgotten as (
    delete from lane_turns where (queue, owner_id) in (
        select queue, owner_id from lane_turns as had
        where turn <= (select turn from lane_clocks where lane_clocks.queue = had.queue)
            or not exists (select from procrastinate_jobs where queue_name = had.queue and status in ('todo', 'doing'))
        limit 1000 for update of had skip locked
    ) returning 1
)
select count(*) as rows from forgotten;

-- name: clean_events :one
-- Events from before then: the log grows at one end of its primary key, and is looked at from the other.
with oldest as materialized (select id, at from events order by id limit 1000),
forgotten as (
    delete from events where id in (
        select id from events where id in (select id from oldest where at < %(before)s) for update skip locked
    ) returning 1
)
select count(*) as rows from forgotten;

-- name: clean_audit :one
-- Records from before then, in the same way.
with oldest as materialized (select id, at from audit order by id limit 1000),
forgotten as (
    delete from audit where id in (
        select id from audit where id in (select id from oldest where at < %(before)s) for update skip locked
    ) returning 1
)
select count(*) as rows from forgotten;

-- name: clean_jobs :one
-- Jobs that failed before then, and those that were cancelled: who did so knows.
with forgotten as (
    delete from procrastinate_jobs where id in (
        select id from procrastinate_jobs as job
        where status in ('failed', 'cancelled', 'aborted') and (
            status <> 'failed'
            or not exists (select from procrastinate_events where job_id = job.id and at >= %(before)s)
        )
        limit 1000 for update skip locked
    ) returning 1
)
select count(*) as rows from forgotten;
