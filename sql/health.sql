-- Queries about the database itself.

-- name: read_migrations :many read
-- The names of the migrations that this database has.
select name from migrations;

-- name: prove_writable :one
-- Lock a row for as long as the statement takes. A standby and a server that is set to read-only refuse it, and its
-- commit has to reach the disk, and the standby that is waited for; yet it leaves nothing that has to be cleaned up.
select name from migrations order by name limit 1 for no key update;

-- name: list_lock_holders :many read
-- Those for whom a session waits; a prepared transaction has no session, and is process 0.
select distinct pid, application_name, state, xact_start
  from unnest(pg_blocking_pids(%(pid)s)) as blocking (pid)
  left join pg_stat_activity using (pid)
 order by pid;
