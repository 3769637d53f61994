"""An application with the CDN at its side, on a socket."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.responses import PlainTextResponse

from server.cdn import cdn_beside
from server.http import listen, serve_http
from storage.s3 import StoreConfig


@contextlib.asynccontextmanager
async def cdn_site(config: StoreConfig) -> AsyncIterator[str]:
    """The origin of an application that says so, and serves a store's public bucket beside."""
    with listen("127.0.0.1", 0) as listener:
        async with cdn_beside(PlainTextResponse("the application"), config) as app:
            serving = asyncio.create_task(serve_http(app, listener))
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
            serving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await serving
