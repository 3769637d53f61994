-- A row is weighed again when something has changed that its weight depends on. A lease, a stage or a part that arrived
-- changes none of it, and weighing five hundred rows took half of a sweep's statement.
create or replace trigger storage_usage_follow_media after insert or delete on media
    for each row execute function storage_usage_follow_media();

create trigger storage_usage_follow_changes after update on media
    for each row
    when ((new.state, new.size_bytes, new.renditions) is distinct from (old.state, old.size_bytes, old.renditions))
    execute function storage_usage_follow_media();
