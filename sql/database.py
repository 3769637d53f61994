"""The database as the rest of the code sees it: named queries in, rows out, driver errors translated.

A `Database` runs each statement on its own (one round trip); `transaction()` gives a `Transaction` with the same verbs.
"""

import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import psycopg
from psycopg.rows import class_row

from contracts.errors import (
    AttachedElsewhere,
    MediaLimitExceeded,
    MediaNotFound,
    MediaUnusable,
    NoImage,
    OtherPurpose,
    PendingUploadLimitExceeded,
    PostFull,
    RateLimitExceeded,
    RpcError,
    ServiceUnavailable,
    SeveralOwners,
    StorageLimitExceeded,
)
from sql import QUERIES, Query, query_of
from sql.outages import has_broken, has_no_effect, is_outage
from sql.pool import Connection, Pool, Share
from sql.rows import MediaRow
from sql.shared import Parameters, Shared

Row = TypeVar("Row")
Answer = TypeVar("Answer")
Ask = Callable[[Connection], Awaitable[Answer]]

CHANGES = frozenset({"INSERT", "UPDATE", "DELETE"})

# The constraints whose violation is the caller's doing, each with the error that says so.
RULES: dict[str, Callable[..., RpcError]] = {
    "storage_usage_within_quota": StorageLimitExceeded,
    "owner_has_room_for_media": MediaLimitExceeded,
    "owner_has_room_for_uploads": PendingUploadLimitExceeded,
    "rate_windows_have_room": RateLimitExceeded,
    "media_is_there": MediaNotFound,
    "media_serves_its_purpose": OtherPurpose,
    "media_is_usable": MediaUnusable,
    "media_belongs_to_one_post": AttachedElsewhere,
    "post_belongs_to_one_owner": SeveralOwners,
    "post_has_room": PostFull,
    "profile_image_is_an_image": NoImage,
}


@contextmanager
def translated() -> Iterator[None]:
    """Raise the error that the caller is told, in place of the driver's."""
    try:
        yield
    except psycopg.errors.IntegrityError as violation:
        rule = RULES.get(violation.diag.constraint_name or "")
        if rule is None:
            raise
        raise rule(**json.loads(violation.diag.message_detail or "{}")) from violation
    except psycopg.Error as error:
        if not is_outage(error):
            raise
        raise ServiceUnavailable(service="database") from error


@contextmanager
def preparing_nothing(connection: Connection) -> Iterator[None]:
    """Run what is prepared already as it is, everything else unprepared.

    When a pipeline fails, the driver takes what was to be prepared in it for prepared, which the server has never seen.
    """
    threshold, connection.prepare_threshold = connection.prepare_threshold, sys.maxsize
    try:
        yield
    finally:
        connection.prepare_threshold = threshold


class Statements:
    """The verbs, over any way to get at a connection."""

    def __init__(self, connection: Callable[[], AbstractAsyncContextManager[Connection]]) -> None:
        self.connection = connection

    async def one(self, row: type[Row], name: str, **parameters: Any) -> Row | None:
        """The row that the query answers, or None."""
        query = query_of(name, "one")

        async def ask(connection: Connection) -> Row | None:
            async with connection.cursor(row_factory=class_row(row)) as cursor:
                await cursor.execute(query.text, parameters)
                found = await cursor.fetchone()
                self._note(cursor, [] if found is None else [found])
                return found

        return await self._answer(query, ask)

    async def many(self, row: type[Row], name: str, **parameters: Any) -> list[Row]:
        """The rows that the query answers."""
        query = query_of(name, "many")

        async def ask(connection: Connection) -> list[Row]:
            async with connection.cursor(row_factory=class_row(row)) as cursor:
                await cursor.execute(query.text, parameters)
                found = await cursor.fetchall()
                self._note(cursor, found)
                return found

        return await self._answer(query, ask)

    async def run(self, name: str, **parameters: Any) -> None:
        """Run a query that answers nothing."""
        query = query_of(name, "run")

        async def ask(connection: Connection) -> None:
            self._note(await connection.execute(query.text, parameters), [])

        await self._answer(query, ask)

    async def _answer(self, _query: Query, ask: Ask[Answer]) -> Answer:
        with translated():
            async with self.connection() as connection:
                return await ask(connection)

    def _note(self, cursor: psycopg.AsyncCursor[Any], rows: Sequence[Any]) -> None:
        """A statement has run, and answered these rows."""


class Transaction(Statements):
    """Statements that take effect together, or not at all."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(lambda: nullcontext(connection))
        self.open_connection = connection

    def changed(self, media_ids: Sequence[UUID]) -> None:
        """Say which media a function of the database has changed, which its statement does not tell."""


class RecordedTransaction(Transaction):
    """A transaction that knows what it changed: whether any row at all, and which media, as its statements answer.

    A statement that changes media answers their rows, so that the record names those that were changed and no others.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.has_changed = False
        self.media_ids: list[UUID] = []

    def changed(self, media_ids: Sequence[UUID]) -> None:
        """Record these media, too."""
        self.has_changed = self.has_changed or bool(media_ids)
        self.media_ids += media_ids

    def _note(self, cursor: psycopg.AsyncCursor[Any], rows: Sequence[Any]) -> None:
        verb = (cursor.statusmessage or "").partition(" ")[0]
        if verb in CHANGES and cursor.rowcount > 0:
            self.has_changed = True
            self.media_ids += [row.id for row in rows if isinstance(row, MediaRow)]


class Database(Statements):
    """Statements that each take effect on their own, and transactions.

    When the connection goes, a read is tried once more on another one, and so is a statement that provably has no
    effect; a transaction is when it has not begun. Anything else raises ServiceUnavailable: it may have taken effect.
    """

    def __init__(self, pool: Pool, lender: Pool | Share | None = None) -> None:
        self._lender = lender or pool
        super().__init__(self._lender.connection)
        self.pool = pool
        self._shared: dict[str, Shared] = {}

    def shared(self, row: type[Row], name: str, **parameters: Any) -> Awaitable[Row]:
        """The row that a shared query answers to this call, run together with the calls that wait beside it.

        Calls of the same parameters are one and get one row, so those of a query that writes have an id of their own.
        """
        if name not in self._shared:
            self._shared[name] = Shared(partial(self._run_shared, row, name))
        return self._shared[name].one(parameters)

    async def batch(self, row: type[Row], name: str, calls: Sequence[Parameters]) -> list[Row]:
        """The rows that a shared query answers to these calls, run in a statement of their own."""
        return await self._run_shared(row, name, calls)

    def for_call(self, caller_id: str, *, charge: Parameters | None, record: Parameters | None) -> "CallDatabase":
        """The same database for one call of a caller, which `count_call` counts and `append_audit` records by these."""
        return CallDatabase(self, caller_id, charge, record)

    def hurried(self, seconds: float) -> "Database":
        """The same database for whoever can wait only so long for a connection, and for an answer."""
        hurried = Database(self.pool)
        hurried.connection = partial(self.pool.connection, seconds, answer_timeout=seconds)
        return hurried

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Statements and enqueued jobs that commit together; no network call belongs inside."""
        with translated():
            async with AsyncExitStack() as stack:
                yield Transaction(await self._begin(stack))

    async def _answer(self, query: Query, ask: Ask[Answer]) -> Answer:
        try:
            return await super()._answer(query, ask)
        except ServiceUnavailable as outage:
            if not isinstance(outage.__cause__, psycopg.Error) or not self._may_repeat(query, outage.__cause__):
                raise
        return await super()._answer(query, ask)

    def _may_repeat(self, query: Query, error: psycopg.Error) -> bool:
        return has_no_effect(error) or (query.is_read and has_broken(error))

    async def _begin(self, stack: AsyncExitStack) -> Connection:
        try:
            return await self._begin_once(stack)
        except psycopg.Error as error:
            if not (has_no_effect(error) or has_broken(error)):
                raise
        return await self._begin_once(stack)

    async def _begin_once(self, stack: AsyncExitStack) -> Connection:
        async with AsyncExitStack() as transaction:
            connection = await transaction.enter_async_context(self._lender.connection())
            await transaction.enter_async_context(connection.transaction())
            stack.push_async_exit(transaction.pop_all())
            return connection

    async def _run_shared(self, row: type[Row], name: str, calls: Sequence[Parameters]) -> list[Row]:
        query = query_of(name, "shared")
        known: dict[tuple[Any, ...], int] = {}
        places = [known.setdefault(tuple(call.values()), len(known)) for call in calls]
        distinct = dict(zip(places, calls, strict=True))
        numbered = msgspec.json.encode([{"position": place, **call} for place, call in distinct.items()])

        async def ask(connection: Connection) -> list[Row]:
            cursor = await connection.execute(query.text, {"calls": numbered.decode()})
            return [row(*columns) for _, *columns in sorted(await cursor.fetchall())]

        answers = await self._answer(query, ask)
        return [answers[place] for place in places]


class CallDatabase(Database):
    """The database for one call, out of its caller's share of the pool.

    A call whose rate is limited takes the count along with its first statement: they take effect together, and a full
    window raises RateLimitExceeded, and then the statement has not run. A call that changes something does so in a
    transaction, and the first one that does takes the record along: one for each media that it changed, or one alone.
    """

    def __init__(
        self, database: Database, caller_id: str, charge: Parameters | None, record: Parameters | None
    ) -> None:
        super().__init__(database.pool, database.pool.share_of(caller_id))
        self.connection = self._counting
        self._database = database
        self._charge = charge
        self._record = record

    async def shared(self, row: type[Row], name: str, **parameters: Any) -> Row:
        """The row of this call, alone when it is counted, since its count is its own."""
        if self._charge is None:
            return await self._database.shared(row, name, **parameters)
        (answer,) = await self._run_shared(row, name, [parameters])
        return answer

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A transaction in which the call is counted first, and recorded last when something has changed."""
        async with super().transaction() as plain:
            tx = RecordedTransaction(plain.open_connection)
            if self._charge is not None:
                charge, self._charge = self._charge, None
                await tx.run("count_call", **charge)
            yield tx
            if self._record is not None and tx.has_changed:
                record, self._record = self._record, None
                await tx.run("append_audit", **record, media_ids=tx.media_ids)

    @asynccontextmanager
    async def _counting(self) -> AsyncIterator[Connection]:
        async with self._lender.connection() as connection:
            if self._charge is None:
                yield connection
                return
            charge, self._charge = self._charge, None
            try:
                async with connection.pipeline():
                    await connection.execute(QUERIES["count_call"].text, charge)
                    with preparing_nothing(connection):
                        yield connection
            except psycopg.Error:
                self._charge = charge  # it took effect no more than the statement
                raise

    def _may_repeat(self, query: Query, error: psycopg.Error) -> bool:
        """What takes the count along is no read."""
        return super()._may_repeat(query, error) and (self._charge is None or has_no_effect(error))
