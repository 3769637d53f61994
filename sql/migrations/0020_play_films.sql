-- Films are encoded in several qualities, which takes a stage of its own.
alter table media drop constraint media_stage_is_known, add constraint media_stage_is_known check (
    stage in ('downloading', 'scanning', 'rendering', 'encoding', 'publishing')
);

-- What was ready with a poster alone is to play too: the sweeper finds it, and has it processed.
alter table media disable trigger user;
update media set state = 'processing', progress = 0, attempts = 0, failures = 0, sweep_at = greatest(url_ends_at, now())
where state = 'ready' and type = 'video';
alter table media enable trigger user;
