-- How often a caller called a procedure lately. Losing it in a crash of the server costs nothing but a fresh window.
create unlogged table rate_windows (
    caller_id text not null,
    procedure text not null,
    -- The number of the newest slot since 1970; a slot is a sixtieth of the window.
    newest bigint not null,
    -- Calls in the newest slot and in the sixty before it, newest first. Together they cover the whole window at
    -- any moment, so no moving window ever holds more calls than the limit.
    calls integer[] not null constraint rate_windows_are_whole check (cardinality(calls) = 61),
    ends_at timestamptz not null,
    primary key (caller_id, procedure)
) with (fillfactor = 50);

create index rate_windows_by_end on rate_windows (ends_at);

-- Count a call, unless its window is full: then say in how many seconds there is room, and count nothing.
-- A limit of no calls is none: null.
create function rate_windows_count(
    caller text, called text, limit_calls integer, limit_seconds integer, moment timestamptz
) returns double precision language plpgsql as $$
declare
    slot_seconds constant double precision := limit_seconds / 60.0;
    slot bigint := floor(extract(epoch from moment) / slot_seconds);
    past rate_windows;
    slots integer[];
    passed bigint;
    held bigint := 0;
begin
    if limit_calls is null then
        return 0;
    end if;
    insert into rate_windows values (caller, called, slot, array_fill(0, array[61]), moment)
        on conflict do nothing;
    select * into strict past from rate_windows where caller_id = caller and procedure = called for update;

    -- Clocks differ between servers; the window's own never runs back.
    slot := greatest(slot, past.newest);
    passed := least(slot - past.newest, 61);
    slots := array_fill(0, array[passed::integer]) || past.calls[1:(61 - passed)];

    for place in 1..61 loop
        held := held + slots[place];
        if held >= limit_calls then
            -- The slot at this place has to leave: that is when it would move to place 62.
            return greatest(
                (slot + 62 - place) * slot_seconds - extract(epoch from moment), slot_seconds
            );
        end if;
    end loop;

    slots[1] := slots[1] + 1;
    update rate_windows set
        newest = slot, calls = slots, ends_at = to_timestamp((slot + 62) * slot_seconds)
    where caller_id = caller and procedure = called;
    return 0;
end
$$;

-- Count a call that another statement follows: a full window is an error, which keeps that statement from running.
create function rate_windows_toll(
    caller text, called text, limit_calls integer, limit_seconds integer, moment timestamptz
) returns void language plpgsql as $$
declare
    wait constant double precision := rate_windows_count(caller, called, limit_calls, limit_seconds, moment);
begin
    if wait > 0 then
        raise exception 'window full' using
            errcode = 'check_violation',
            constraint = 'rate_windows_have_room',
            table = 'rate_windows',
            detail = json_build_object('retry_after', ceil(wait));
    end if;
end
$$;
