"""An application with the CDN at its side, on a socket."""

import contextlib
from collections.abc import AsyncIterator

from starlette.responses import PlainTextResponse

from server.cdn import cdn_beside
from storage.s3 import StoreConfig
from tests.on_a_socket import free_listener, served_on


@contextlib.asynccontextmanager
async def cdn_site(config: StoreConfig) -> AsyncIterator[str]:
    """The origin of an application that says so, and serves a store's public bucket beside."""
    beside = cdn_beside(PlainTextResponse("the application"), config)
    async with beside as app, served_on(free_listener(), app) as origin:
        yield origin
