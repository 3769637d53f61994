-- What the bytes of a media are, where that is not what was declared: another type that the same decoder reads.
alter table media add column detected_type text check (detected_type <> mime_type);
