"""A server whose callers reach it, and storage, through a proxy that spoils requests."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

from anyio.from_thread import start_blocking_portal

from procedures import PROCEDURES
from rpc.app import create_app
from server.resources import app_config, open_resources
from server.settings import Settings
from server.token import sign_token
from tests.faults import Proxy
from tests.on_a_socket import free_listener, served_on
from tests.processes import Site


@contextmanager
def served_behind(proxy: Proxy, configured: Mapping[str, str], **variables: str) -> Iterator[Site]:
    """Serve in a thread, with signed URLs that lead through the proxy, and let the proxy pass calls on to it."""
    told = {**configured, "S3_PUBLIC_ENDPOINT": proxy.origin, "RATE_LIMITS": "off", **variables}
    settings = Settings.from_environment(told)
    with start_blocking_portal() as thread, thread.wrap_async_context_manager(served(settings)) as origin:
        proxy.server = origin
        yield Site(origin, sign_token(settings, user="ada"))


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[str]:
    """The origin of a server over the resources that settings name."""
    async with open_resources(settings) as resources:
        app = create_app(resources, PROCEDURES, app_config(settings))
        async with served_on(free_listener(), app) as origin:
            yield origin
