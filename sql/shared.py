"""Concurrent calls of one query share one statement.

While a statement is on its way to the database and back, the calls that come in board the next one, which leaves when
the last returns. Alone, a call leaves at once. Every caller gets the row of its own call, or the statement's error.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

MAX_CALLS = 200

Parameters = dict[str, Any]


@dataclass(slots=True, eq=False)
class Statement:
    """One statement to be: the calls that have boarded it, and who waits for which row, in the same order."""

    calls: list[Parameters] = field(default_factory=list)
    waiting: list[asyncio.Future[Any]] = field(default_factory=list)

    def hand_out(self, rows: asyncio.Task[Sequence[Any]]) -> None:
        """Give each caller who still waits its row, or the statement's error."""
        if rows.cancelled():
            for caller in self._still_waiting():
                caller.cancel()
        elif error := rows.exception():
            for caller in self._still_waiting():
                caller.set_exception(error)
        else:
            for caller, row in zip(self.waiting, rows.result(), strict=True):
                if not caller.done():
                    caller.set_result(row)

    def _still_waiting(self) -> list[asyncio.Future[Any]]:
        return [caller for caller in self.waiting if not caller.done()]


class Shared:
    """One query's gate: `run` answers a list of calls with as many rows, in their order."""

    def __init__(self, run: Callable[[Sequence[Parameters]], Awaitable[Sequence[Any]]]) -> None:
        self._run = run
        self._boarding = Statement()
        self._last: asyncio.Task[Sequence[Any]] | None = None

    async def one(self, parameters: Parameters) -> Any:
        """The row of this call."""
        statement, row = self._boarding, asyncio.get_running_loop().create_future()
        statement.calls.append(parameters)
        statement.waiting.append(row)
        if len(statement.calls) == 1:
            self._last = asyncio.create_task(self._leave(statement, after=self._last))
            self._last.add_done_callback(statement.hand_out)
        if len(statement.calls) == MAX_CALLS:
            self._boarding = Statement()
        return await row

    async def _leave(self, statement: Statement, *, after: asyncio.Task[Sequence[Any]] | None) -> Sequence[Any]:
        if after is not None and not after.done():
            await asyncio.wait([after])
        if self._boarding is statement:
            self._boarding = Statement()
        rows = await self._run(statement.calls)
        if len(rows) != len(statement.calls):
            raise ValueError(f"{len(statement.calls)} calls were answered {len(rows)} rows")
        return rows
