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
    """One statement to be: the calls that have boarded it, and their rows to come, in the same order."""

    calls: list[Parameters] = field(default_factory=list)
    rows: asyncio.Task[Sequence[Any]] | None = None


class Shared:
    """One query's gate: `run` answers a list of calls with as many rows, in their order."""

    def __init__(self, run: Callable[[Sequence[Parameters]], Awaitable[Sequence[Any]]]) -> None:
        self._run = run
        self._boarding = Statement()
        self._last: asyncio.Task[Sequence[Any]] | None = None

    async def one(self, parameters: Parameters) -> Any:
        """The row of this call."""
        statement = self._boarding
        place = len(statement.calls)
        statement.calls.append(parameters)
        if statement.rows is None:
            statement.rows = self._last = asyncio.create_task(self._leave(statement, after=self._last))
        if len(statement.calls) == MAX_CALLS:
            self._boarding = Statement()
        return (await asyncio.shield(statement.rows))[place]

    async def _leave(self, statement: Statement, *, after: asyncio.Task[Sequence[Any]] | None) -> Sequence[Any]:
        if after is not None and not after.done():
            await asyncio.wait([after])
        if self._boarding is statement:
            self._boarding = Statement()
        return await self._run(statement.calls)
