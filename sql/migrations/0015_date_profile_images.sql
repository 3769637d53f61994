-- A media that becomes a profile image has changed at that moment, and one that was it already has not.

-- Make a media its owner's one profile image; the media, and the one whose place it takes, deleted.
create or replace function set_profile_image(chosen uuid, owners text[], moment timestamptz)
returns setof media language plpgsql as $$
declare
    image media;
    former media;
begin
    select * into image from media where id = chosen and owned_by(owner_id, owners);
    -- Which row is the former one must not change while it is waited for: an owner's images are set one after the other.
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
        return query select * from bury_media(array[former.id], null, moment);
        insert into profile_images (owner_id, media_id) values (image.owner_id, image.id)
        on conflict (owner_id) do update set media_id = excluded.media_id;
        update media set updated_at = moment where id = image.id returning * into image;
    end if;
    return next image;
end
$$;
