"""`/healthz`: this process answers. `/readyz`: it can work, and if not, what keeps it from working."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse

from contracts.errors import ServiceUnavailable
from rpc.context import Resources
from sql.readiness import State, readiness

log: structlog.typing.FilteringBoundLogger = structlog.get_logger("mediarpc.health")

TIMEOUT_SECONDS = 3.0
DATABASE_TIMEOUT_SECONDS = 2.5  # so that what waits in vain has ended by then


class Health:
    """The two health endpoints over the process's resources."""

    def __init__(self, resources: Resources) -> None:
        self._database = Probe(lambda: readiness(resources.db.hurried(DATABASE_TIMEOUT_SECONDS)))
        self._storage = Probe(lambda: _storage(resources))

    async def healthz(self, _request: Request) -> JSONResponse:
        """200 as long as the process answers."""
        return JSONResponse({"status": "ok"})

    async def readyz(self, _request: Request) -> JSONResponse:
        """200 when the database takes writes and storage answers, else 503; the body names the state of each."""
        database, storage = await asyncio.gather(self._database.state(), self._storage.state())
        ready = database == storage == State.READY
        return JSONResponse(
            {"status": "ok" if ready else "unavailable", "database": database, "storage": storage},
            status_code=HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE,
        )


class Probe:
    """One check at a time, whose answer all get who ask meanwhile; nobody waits longer for it than TIMEOUT_SECONDS.

    A check is left to end by itself: what is cancelled in the driver first asks the server to cancel the statement,
    which takes ten seconds more when the server hangs.
    """

    def __init__(self, check: Callable[[], Awaitable[str]]) -> None:
        self._check = check
        self._checking: asyncio.Task[str] | None = None

    async def state(self) -> str:
        """`ok`, or what is amiss."""
        if self._checking is None or self._checking.done():
            self._checking = asyncio.create_task(self._checked())
        checking = self._checking
        await asyncio.wait([checking], timeout=TIMEOUT_SECONDS)
        return checking.result() if checking.done() else State.UNREACHABLE

    async def _checked(self) -> str:
        try:
            return await self._check()
        except Exception:
            log.exception("unforeseen")
            return "failing: see the log"


async def _storage(resources: Resources) -> str:
    try:
        await resources.store.check()
    except ServiceUnavailable:
        return State.UNREACHABLE
    return State.READY
