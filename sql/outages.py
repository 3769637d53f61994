"""What the driver raises when Postgres is at fault and not the statement, by SQLSTATE: callers are told 1903 for it.

The connection that brought such an error is closed. What is no outage is a caller's doing or a programming error.
"""

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout

# How the SQLSTATE of an outage begins.
OUTAGES = (
    "08",  # the connection, or that of a pooler in between
    "0A000",  # a standby has no unlogged tables, and a session no new plan for what was altered beneath it
    "25006",  # read-only: the server is a standby, or has become one
    "25P03",  # a transaction was ended that took too long: it idled,
    "25P04",  # or ran
    "40001",  # a transaction was given up for another, by its isolation level
    "40P01",  # or by a deadlock
    "53",  # no memory, disk or connection is left
    "54000",  # no transaction id is left
    "55P03",  # a lock was not to be had in time
    "57",  # cancelled, as by statement_timeout; shut down, crashed, or starting
    "58",  # the server's own files: I/O errors
)

# Those that tell of the server, or of the way to it: every session that is as old is likely to meet them, too.
OF_THE_SERVER = ("08", "0A000", "25006", "57P")

# Those after which another session may succeed at once.
OF_THE_SESSION = ("0A000", "25006", "40001", "40P01", "57P")


class NoAnswer(psycopg.OperationalError):
    """The server did not answer in time, and was hung up on."""


def is_outage(error: psycopg.Error) -> bool:
    """Whether the same call may succeed later. What has no SQLSTATE comes from the driver: the connection broke."""
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError)
    return error.sqlstate.startswith(OUTAGES)


def is_of_the_server(error: psycopg.Error) -> bool:
    """Whether it is an outage that puts the other connections in doubt, too."""
    return is_outage(error) and (error.sqlstate is None or error.sqlstate.startswith(OF_THE_SERVER))


def has_no_effect(error: psycopg.Error) -> bool:
    """Whether nothing of the statement has come to be, and another connection may do better.

    An error that Postgres reports in place of a statement's end means that its transaction is rolled back. That holds
    for 57P01 as well. An idle session that is shut down sends it and ends, so that the next statement finds it instead
    of an answer, and is read by nobody. A session that is shut down while it works sends it from wherever it checks
    for interrupts, and it checks nowhere between a commit and the report of it; if it waits for a synchronous standby
    just then, the commit stands, and what it sends is a warning, never the error.

    A connection that breaks without such a report proves nothing: the commit may have come before.
    """
    return error.sqlstate is not None and error.sqlstate.startswith(OF_THE_SESSION)


def has_broken(error: psycopg.Error) -> bool:
    """Whether the connection broke before there was an answer, which was not waited for in vain."""
    return error.sqlstate is None and not isinstance(error, NoAnswer | PoolTimeout | PoolClosed)
