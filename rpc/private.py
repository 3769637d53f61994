"""What every answer to a call says of itself: it is its caller's alone."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CREDENTIALS = "Authorization, Cookie"


class Private:
    """Has no cache keep what an application answers, and no browser guess what it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, under these headers unless it has its own."""

        async def send_private(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("cache-control", "no-store")
                headers.setdefault("x-content-type-options", "nosniff")
                headers.add_vary_header(CREDENTIALS)
            await send(message)

        await self._app(scope, receive, send_private)
