"""`Cache-Control: no-store` and what belongs to it, on every answer to a call: it is its caller's alone."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CREDENTIALS = "Authorization, Cookie"


class NoStore:
    """Has no cache keep what an application answers, and no browser guess what it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, under these headers unless it has its own."""

        async def send_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("cache-control", "no-store")
                headers.setdefault("x-content-type-options", "nosniff")
                headers.add_vary_header(CREDENTIALS)
            await send(message)

        await self._app(scope, receive, send_headers)
