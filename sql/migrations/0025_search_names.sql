-- A search reads an owner's names in the index of pages, without their rows.
create index media_of_owner_by_name on media (owner_id, id desc) include (type, state, filename)
    where state <> 'deleted';
drop index media_of_owner;
alter index media_of_owner_by_name rename to media_of_owner;

-- Whether a name holds a part, in any case: each of `variants` stands for the character at its place in `plain`, whatever
-- the locale says. What it takes grows with the length of the name times that of the part.
create function name_holds(name text, part text, variants text, plain text) returns boolean
language sql immutable parallel safe as $$
    select strpos(
        translate(
            case when name is normalized then name else normalize(name) end,
            variants,
            plain
        ),
        part
    ) > 0
$$;
