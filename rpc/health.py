"""`/healthz`: this process answers. `/readyz`: it can work, and if not, what keeps it from working."""

import asyncio
from collections.abc import Awaitable
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse

from contracts.errors import ServiceUnavailable
from rpc.context import Resources
from sql.migrate import missing

TIMEOUT_SECONDS = 3.0


class Health:
    """The two health endpoints over the process's resources."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    async def healthz(self, _request: Request) -> JSONResponse:
        """200 as long as the process answers."""
        return JSONResponse({"status": "ok"})

    async def readyz(self, _request: Request) -> JSONResponse:
        """200 when database and storage answer, else 503; the body names the state of each."""
        database, storage = await asyncio.gather(_state(self._database()), _state(self._storage()))
        ready = database == storage == "ok"
        return JSONResponse(
            {"status": "ok" if ready else "unavailable", "database": database, "storage": storage},
            status_code=HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE,
        )

    async def _database(self) -> str:
        return "migrations missing: run mediarpc migrate" if await missing(self._resources.db) else "ok"

    async def _storage(self) -> str:
        await self._resources.store.check()
        return "ok"


async def _state(check: Awaitable[str]) -> str:
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await check
    except (ServiceUnavailable, TimeoutError):
        return "unreachable"
