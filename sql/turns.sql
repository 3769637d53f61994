-- Queries about whose turn it is in a lane of the queue.

-- name: take_turn :one
-- An owner's next turn in a lane, which is followed by so many seconds of work, and never in the lane's past.
insert into lane_turns as mine (queue, owner_id, turn)
select %(queue)s, %(owner_id)s, coalesce(max(turn), 0) + %(seconds)s::bigint from lane_clocks where queue = %(queue)s
on conflict (queue, owner_id) do update set turn = greatest(mine.turn + %(seconds)s::bigint, excluded.turn)
returning mine.turn - %(seconds)s::bigint as turn;

-- name: begin_turn :run
-- Have the lane's time reach the turn of a media's job that has begun.
insert into lane_clocks as lane (queue, turn)
select queue_name, max(-priority) from procrastinate_jobs
where args ->> 'media_id' = %(id)s::text and queue_name = %(queue)s and status = 'doing' group by queue_name
on conflict (queue) do update set turn = greatest(lane.turn, excluded.turn);

-- name: end_turn :run
-- Count what an owner has had of a lane beyond what was expected; a job that is repeated has its place after that.
with owed as (
    insert into lane_turns as mine (queue, owner_id, turn)
    select %(queue)s, %(owner_id)s, coalesce(max(turn), 0) + %(seconds)s::bigint from lane_clocks where queue = %(queue)s
    on conflict (queue, owner_id) do update set turn = mine.turn + %(seconds)s::bigint
)
update procrastinate_jobs set priority = greatest(priority - %(seconds)s::bigint, -2147483647)
where args ->> 'media_id' = %(id)s::text and queue_name = %(queue)s and status = 'doing';

-- name: forget_turns :run
-- Forget what an owner has had of lanes.
delete from lane_turns where owner_id = %(owner_id)s;
