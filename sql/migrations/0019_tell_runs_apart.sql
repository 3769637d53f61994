-- Which run is at a media: the one that began last. What another run made is not published.
alter table media
    add column run uuid,
    -- How often a run failed in a way that may pass; outages do not count.
    add column failures smallint not null default 0 constraint media_failures_are_counted check (failures >= 0);
