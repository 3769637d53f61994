-- Queries about the database itself.

-- name: read_migrations :many
-- The names of the migrations that this database has.
select name from migrations;
