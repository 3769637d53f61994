-- In a lane of the queue, owners take turns: of those who wait, whoever has had least of it goes first. A turn is a
-- time of the lane's own clock, which counts seconds of work (start-time fair queueing: Goyal, Vin and Cheng, 1996); a
-- job's priority is minus its turn, so that the queue itself fetches them in that order.
create table lane_clocks (
    queue text primary key,
    -- The latest turn that has begun: whoever comes new to the lane has this one.
    turn bigint not null
);

create table lane_turns (
    queue text not null,
    owner_id text not null,
    -- The owner's next turn, unless the lane is beyond it.
    turn bigint not null,
    primary key (queue, owner_id)
);
