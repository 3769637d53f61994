-- Which run is at a media: the one that began last. What another run made is not published.
alter table media add column run uuid;
