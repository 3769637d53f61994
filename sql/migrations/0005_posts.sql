-- The one profile image of an owner.
create table profile_images (
    owner_id text primary key,
    media_id uuid not null unique references media (id) on delete cascade
);

-- What is deleted leaves its post.
create function media_leave_post() returns trigger language plpgsql as $$
begin
    new.post_id := null;
    new.post_position := null;
    return new;
end
$$;

create trigger media_leave_post before update of state on media
    for each row when (new.state = 'deleted' and new.post_id is not null) execute function media_leave_post();

-- A media is there for its owners, until it is deleted; it serves the purpose that it was uploaded for; and it is
-- usable once its bytes are verified, unless they could not be processed.
create function media_may_serve(media media, wanted text) returns void language plpgsql as $$
begin
    if coalesce(media.state, 'deleted') = 'deleted' then
        perform refuse('media_is_there', '{}');
    elsif media.purpose <> wanted then
        perform refuse('media_serves_its_purpose',
            jsonb_build_object('media_id', media.id, 'purpose', media.purpose));
    elsif media.state not in ('processing', 'ready') then
        perform refuse('media_is_usable', jsonb_build_object('media_id', media.id, 'status', media.state));
    end if;
end
$$;

-- Put media at the end of a post, in their order; the whole post. Those that stand in it keep their place.
create function attach_to_post(post text, ids uuid[], owners text[], most integer, changed_at timestamptz)
returns setof media language plpgsql as $$
declare
    chosen media;
    owner text;
    filled integer;
begin
    perform from media where id = any(ids) and owned_by(owner_id, owners) order by id for no key update;
    for chosen in
        select media.* from unnest(ids) with ordinality as asked(id, place)
        left join media on media.id = asked.id and owned_by(media.owner_id, owners)
        order by asked.place
    loop
        owner := coalesce(owner, chosen.owner_id);
        if chosen.post_id is distinct from post then
            perform media_may_serve(chosen, 'post');
        end if;
        if chosen.post_id <> post then
            perform refuse('media_belongs_to_one_post',
                jsonb_build_object('media_id', chosen.id, 'post_id', chosen.post_id));
        elsif chosen.owner_id <> owner then
            perform refuse('post_belongs_to_one_owner', jsonb_build_object('media_id', chosen.id));
        end if;
    end loop;

    -- From here on the owner's posts are filled one after the other.
    perform from storage_usage where owner_id = owner for no key update;
    select coalesce(max(post_position), 0) into filled from media where owner_id = owner and post_id = post;
    update media set post_id = post, post_position = filled + added.place, updated_at = changed_at
    from (
        select id, row_number() over (order by min(asked.place)) as place
        from unnest(ids) with ordinality as asked(id, place) group by id
    ) as added
    where media.id = added.id and media.post_id is null;
    if found then
        select * into chosen from media where owner_id = owner and post_id = post order by post_position offset most;
        if found then
            perform refuse('post_has_room',
                jsonb_build_object('media_id', chosen.id, 'post_id', post, 'limit', most));
        end if;
    end if;

    return query select * from media where owner_id = owner and post_id = post order by post_position;
end
$$;

-- Make a media its owner's one profile image; the media, and the one whose place it takes, deleted. One that was it
-- already has not changed.
create function set_profile_image(chosen uuid, owners text[], changed_at timestamptz, look_at timestamptz)
returns setof media language plpgsql as $$
declare
    image media;
    former media;
begin
    select * into image from media where id = chosen and owned_by(owner_id, owners);
    -- Which row is the former one must not change while it is waited for: an owner's images are set in turn.
    perform pg_advisory_xact_lock(hashtextextended('profile image of ' || image.owner_id, 0));
    perform from media
    where id in (chosen, (select media_id from profile_images where owner_id = image.owner_id))
    order by id for no key update;
    select * into image from media where id = chosen and owned_by(owner_id, owners);
    select media.* into former from profile_images join media on media.id = profile_images.media_id
    where profile_images.owner_id = image.owner_id and media.state <> 'deleted';

    if former.id is distinct from image.id or image.id is null then
        perform media_may_serve(image, 'profile');
        if image.type <> 'image' then
            perform refuse('profile_image_is_an_image', jsonb_build_object('media_id', image.id, 'type', image.type));
        end if;
        return query select * from soft_delete_media(array[former.id], null, changed_at, look_at);
        insert into profile_images (owner_id, media_id) values (image.owner_id, image.id)
        on conflict (owner_id) do update set media_id = excluded.media_id;
        update media set updated_at = changed_at where id = image.id returning * into image;
    end if;
    return next image;
end
$$;
