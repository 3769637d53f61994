-- A deleted media is looked at again as soon as nothing can bring bytes any more, however far off its next look was: what
-- stays reserved for it goes then.
create or replace function bury_media(ids uuid[], owners text[], moment timestamptz)
returns setof media language plpgsql as $$
begin
    perform from media where id = any(ids) and owned_by(owner_id, owners) order by id for no key update;
    perform from storage_usage
    where owner_id in (select media.owner_id from media where id = any(ids) and owned_by(media.owner_id, owners))
    order by owner_id for no key update;

    return query
        update media set
            state = 'deleted', deleted_at = moment, updated_at = moment,
            sweep_at = next_look_after_deletion(state, url_ends_at, moment)
        where id = any(ids) and owned_by(owner_id, owners) and state <> 'deleted'
        returning *;
end
$$;

-- The end of the URL; past it, soon for an upload, which may have come, and later for what its job takes away.
create function next_look_after_deletion(state text, url_ends_at timestamptz, moment timestamptz)
returns timestamptz language sql immutable as $$
    select case
        when url_ends_at > moment then url_ends_at
        when state = 'pending' then moment
        else moment + interval '15 minutes'
    end
$$;
