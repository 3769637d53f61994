-- The sweep may forget a window just when its caller comes back: the row that was found is gone when it can be locked,
-- and then the window begins anew.

-- Count a call, unless its window is full: then say in how many seconds there is room, and count nothing.
-- A limit of no calls is none: null.
create or replace function rate_windows_count(
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
    loop
        select * into past from rate_windows where caller_id = caller and procedure = called for update;
        exit when found;
        insert into rate_windows values (caller, called, slot, array_fill(0, array[61]), moment)
            on conflict do nothing;
    end loop;

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
