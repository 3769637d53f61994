-- A media belongs to one post of its owner at most, at a place in it. Posts are the host application's; only their ids
-- are known here.
alter table media
    add column post_id text constraint media_post_has_a_name check (char_length(post_id) between 1 and 64),
    add column post_position integer,
    add constraint media_has_a_place_in_its_post check ((post_id is null) = (post_position is null)),
    add constraint media_of_a_post_is_published check (post_id is null or state <> 'pending');

create index media_of_post on media (owner_id, post_id, post_position) where post_id is not null;

-- The one profile image of an owner.
create table profile_images (
    owner_id text primary key,
    media_id uuid not null unique references media (id) on delete cascade
);
