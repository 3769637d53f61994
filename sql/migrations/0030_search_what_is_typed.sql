-- A search finds what people type: a plain space for every space, "ss" for ß, and İ by a plain i; compatibility
-- characters (NFKC) for what they stand for, as full-width letters and ligatures.
create or replace function name_holds(name text, part text, variants text, plain text) returns boolean
language sql immutable parallel safe as $$
    select strpos(
        translate(
            case
                when octet_length(name) = char_length(name) then name
                else replace(replace(replace(normalize(name, nfkc), 'ß', 'ss'), 'ẞ', 'ss'), U&'i\0307', 'i')
            end,
            variants,
            plain
        ),
        part
    ) > 0
$$;
