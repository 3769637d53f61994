-- Queries about the media of posts, and about profile images.

-- name: attach_to_post :many
-- Put media of these owners, null for anybody's, at the end of a post; the whole post, in its order.
select {media} from attach_to_post(
    %(post_id)s::text, %(ids)s::uuid[], %(owners)s::text[], %(limit)s::integer, %(now)s::timestamptz
) order by post_position;

-- name: detach_from_post :many
-- Take those of these media out of a post that stand in it; they are free for another.
update media set post_id = null, post_position = null, updated_at = %(now)s
where id in (
    select id from media
    where id = any(%(ids)s::uuid[]) and owned_by(owner_id, %(owners)s) and post_id = %(post_id)s
    order by id for no key update
)
returning id;

-- name: list_post_media :many read
-- The media of a post, in their order, and where the owner's log ends, as of the same snapshot; a row without a media
-- when there is none.
select page.*, page.id is not null as is_found, last_event_id
from end_of_log(%(owner_id)s)
left join (
    select {media} from media where owner_id = %(owner_id)s and post_id = %(post_id)s
) as page on true
order by page.post_position;

-- name: delete_post_media :many
-- Leave a tombstone of every media of a post.
with attached as materialized (
    select id from media where owner_id = %(owner_id)s and post_id = %(post_id)s order by id for no key update
)
select {media} from soft_delete_media(
    array(select id from attached), null, %(now)s::timestamptz, %(look_at)s::timestamptz
);

-- name: set_profile_image :many
-- Make a media of these owners the profile image; it, and the former one, deleted.
select {media} from set_profile_image(
    %(id)s::uuid, %(owners)s::text[], %(now)s::timestamptz, %(look_at)s::timestamptz
);

-- name: find_profile_image :one read
-- An owner's profile image, if it has not been deleted.
select {media} from media
where id = (select media_id from profile_images where owner_id = %(owner_id)s) and state <> 'deleted';
