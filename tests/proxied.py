"""A running server whose callers reach it, and storage, through a proxy that spoils requests."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from server.embedded import free_port
from server.settings import Settings
from server.token import sign_token
from tests.faults import Proxy
from tests.processes import MEDIARPC, Site, running


@contextmanager
def served_behind(
    proxy: Proxy, settings: Settings, configured: Mapping[str, str], folder: Path, **variables: str
) -> Iterator[Site]:
    """Start a server whose signed URLs lead through the proxy, and let the proxy pass calls on to it."""
    port = free_port()  # now that the proxy has its own
    told = {**configured, "PORT": str(port), "S3_PUBLIC_ENDPOINT": proxy.origin, "RATE_LIMITS": "off", **variables}
    with running([MEDIARPC, "serve"], folder, **told) as serve:
        proxy.server = f"http://127.0.0.1:{port}"
        serve.wait_for("mediarpc serves on")
        yield Site(proxy.server, sign_token(settings, user="ada"))
