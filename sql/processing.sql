-- Queries about what is made of an original.

-- name: begin_processing :one
-- Count an attempt at a media that is to be processed, and make it the one that counts; no row when it is not.
update media set stage = 'downloading', attempts = attempts + 1, run = %(run)s, updated_at = %(now)s
where id = %(id)s and state = 'processing'
returning {media};

-- name: see_processing :shared read
-- Whether a media is being processed, for all who wait for media to be ready.
select call.position, coalesce(found.state = 'processing', false) as is_processing
from jsonb_to_recordset(%(calls)s::jsonb) as call(position integer, id uuid)
-- "offset 0" keeps the planner from reading the whole table for what it takes for many calls.
left join lateral (select state from media where media.id = call.id offset 0) as found on true;

-- name: note_stage :one
-- Say what a worker is at, and how far it is, which never falls; no row for a run that counts no more.
update media set stage = %(stage)s, progress = greatest(progress, %(progress)s::smallint), updated_at = %(now)s
where id = %(id)s and state = 'processing' and run = %(run)s
returning id;

-- name: count_failure :run
-- Remember that a run failed in a way that may pass.
update media set failures = failures + 1 where id = %(id)s and run = %(run)s;

-- name: await_next_run :one
-- Show what there is of a media, and let it wait for its next run, which is no other attempt; no row when this counts no more.
update media set
    renditions = renditions || %(renditions)s::jsonb, stage = null, attempts = attempts - 1, failures = 0,
    progress = greatest(progress, %(progress)s::smallint), updated_at = %(now)s,
    metadata = coalesce(%(metadata)s::jsonb, metadata), exif = coalesce(%(exif)s::jsonb, exif),
    width = coalesce(%(width)s, width), height = coalesce(%(height)s, height), duration = coalesce(%(duration)s, duration)
where id = %(id)s and state = 'processing' and run = %(run)s
returning {media};

-- name: add_renditions :one
-- Show what is published already of a film that is being encoded; no row when it is not, or by another run.
update media set renditions = renditions || %(renditions)s::jsonb, updated_at = %(now)s
where id = %(id)s and state = 'processing' and run = %(run)s
returning {media};

-- name: mark_ready :one
-- Show a processed media to the world; no row when it is not being processed, or by another run.
update media set
    state = 'ready', stage = null, progress = 100, updated_at = %(now)s,
    renditions = %(renditions)s::jsonb,
    metadata = coalesce(%(metadata)s::jsonb, metadata), exif = coalesce(%(exif)s::jsonb, exif),
    width = coalesce(%(width)s, width), height = coalesce(%(height)s, height), duration = coalesce(%(duration)s, duration)
where id = %(id)s and state = 'processing' and run = %(run)s
returning {media};

-- name: mark_failed :one
-- Say why nothing can be made of an original; no row when it is not being processed, or by another run.
update media set
    state = 'failed', stage = null, error_code = %(error_code)s, error_reason = %(error_reason)s, updated_at = %(now)s,
    sweep_at = coalesce(sweep_at, %(now)s)
where id = %(id)s and state = 'processing' and run = %(run)s
returning {media};

-- name: cancel_processing :one
-- Fail a media of these owners that is being processed, and look again what its worker left; no row when it is not.
update media set
    state = 'failed', stage = null, error_code = %(error_code)s, error_reason = %(error_reason)s, updated_at = %(now)s,
    sweep_at = greatest(url_ends_at, %(look_at)s::timestamptz)
where id = %(id)s and owned_by(owner_id, %(owners)s) and state = 'processing'
returning {media};

-- name: abort_jobs :run
-- Take the jobs of a media from the queue, and tell the workers that run them to stop.
select procrastinate_cancel_job_v1(id, true, true) from procrastinate_jobs
where task_name = %(task)s and args ->> 'media_id' = %(id)s::text and status in ('todo', 'doing');

-- name: retry_processing :one
-- Begin anew with a failed media of these owners; no row when it is none, or holds malware.
update media set
    state = 'processing', error_code = null, error_reason = null, progress = 0, attempts = 0, failures = 0, run = null,
    updated_at = %(now)s,
    sweep_at = greatest(url_ends_at, %(look_at)s::timestamptz)
where id = %(id)s and owned_by(owner_id, %(owners)s) and state = 'failed' and error_code <> 'infected'
returning {media};

-- name: find_lost_processing :one read
-- A media that is to be processed, and for which the queue has nothing any more.
select id from media
where id = %(id)s and state = 'processing' and not exists (
    select from procrastinate_jobs
    where task_name = %(task)s and args ->> 'media_id' = %(id)s::text and status in ('todo', 'doing')
);
