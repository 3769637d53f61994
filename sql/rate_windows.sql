-- Queries about how often callers call.

-- name: count_call :run
-- Count a call of a procedure; a full window is an error.
select rate_windows_charge(
    %(caller_id)s::text, %(procedure)s::text, %(limit_calls)s::integer, %(limit_seconds)s::integer,
    %(now)s::timestamptz
);

-- name: forget_rate_windows :run
-- Forget how often a caller called.
delete from rate_windows where (caller_id, procedure) in (
    select caller_id, procedure from rate_windows where caller_id = %(user_id)s order by procedure for update
);

-- name: forget_idempotency_keys :run
-- Forget how a caller named initiates.
delete from idempotency_keys where user_id = %(user_id)s;
