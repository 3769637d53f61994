-- Queries about the database itself.

-- name: read_migrations :many read
-- The names of the migrations that this database has.
select name from migrations;

-- name: prove_writable :one
-- Lock a row for as long as the statement takes. A standby and a server that is set to read-only refuse it, and its
-- commit has to reach the disk, and the standby that is waited for; yet it leaves nothing that has to be cleaned up.
select name from migrations order by name limit 1 for no key update;
