"""The log of origins whose pages a browser keeps from what this server answers, with the setting that lets them."""

import time

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rpc.origin import Origins

log: structlog.typing.FilteringBoundLogger = structlog.get_logger("mediarpc.cors")

SETTING = "CORS_ORIGINS"
AGAIN_SECONDS = 3600
MAX_ORIGINS = 100  # in that time: a stranger may make up any number


class RefusedOrigins:
    """Logs each origin that is answered without leave to read it, once an hour; beside an application."""

    def __init__(self, app: ASGIApp, origins: Origins) -> None:
        self._app = app
        self._origins = origins
        self._logged: set[str] = set()
        self._forgets_at = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does."""
        origin = _origin(scope)
        if origin is None or self._origins.trusts(Request(scope)):
            await self._app(scope, receive, send)
            return

        async def note(message: Message) -> None:
            if message["type"] == "http.response.start" and not _may_be_read(message):
                self._log(origin)
            await send(message)

        await self._app(scope, receive, note)

    def _log(self, origin: str) -> None:
        now = time.monotonic()
        if now >= self._forgets_at:
            self._logged, self._forgets_at = set(), now + AGAIN_SECONDS
        if origin not in self._logged and len(self._logged) < MAX_ORIGINS:
            self._logged.add(origin)
            log.warning("origin refused", origin=origin, setting=SETTING)


def _origin(scope: Scope) -> str | None:
    if scope["type"] != "http":
        return None
    return next((value.decode("latin-1")[:200] for name, value in scope["headers"] if name == b"origin"), None)


def _may_be_read(message: Message) -> bool:
    return any(name.lower() == b"access-control-allow-origin" for name, _ in message["headers"])
