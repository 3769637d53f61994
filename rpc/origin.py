"""Which sites may use a visitor's cookie.

A browser adds a cookie to a request whichever page made it, so a request that is authenticated by its cookie alone must
come from this server's own pages or from an origin that CORS allows. `Sec-Fetch-Site` tells it as the browser sees it,
before any proxy; browsers that do not send that send `Origin`. A request with neither comes from a program, or from an
old browser that a form of another site may have made send it.
"""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.requests import Request

from contracts.errors import ForeignSite
from rpc.body import media_type

OWN_SITES = frozenset({"same-origin", "none"})  # a page of this server's own; the visitor, by the address bar
READING_METHODS = frozenset({"GET", "HEAD"})
FORM_TYPES = frozenset({"", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})
DEFAULT_PORTS = {"http": 80, "https": 443}


class Origins:
    """The web origins beside the server's own: those listed, and those that the whole pattern fits."""

    def __init__(self, listed: Iterable[str] = (), pattern: str | None = None) -> None:
        self._listed = frozenset(listed)
        self._pattern = None if pattern is None else re.compile(pattern)

    def require_trusted(self, request: Request) -> None:
        """ForeignSite when the request may come from a page that is neither the server's nor one of these origins'."""
        if not self.trusts(request):
            raise ForeignSite

    def trusts(self, request: Request) -> bool:
        """Whether the request comes from one of these origins, from the server's own pages, or from a program."""
        site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
        if origin is not None and self._knows(origin):
            return True
        if site is not None:
            return site in OWN_SITES
        if origin is not None:
            return _is_own(origin, request)
        return not _a_form_could_send(request)

    def _knows(self, origin: str) -> bool:
        return origin in self._listed or (self._pattern is not None and self._pattern.fullmatch(origin) is not None)


def _is_own(origin: str, request: Request) -> bool:
    """Whether the origin is that of the Host; a plain request may have come to a proxy by TLS, not the other way."""
    try:
        theirs, ours = urlsplit(origin), urlsplit(f"//{request.headers.get('host', '')}")
        port = DEFAULT_PORTS[theirs.scheme]
        same_host = theirs.hostname is not None and theirs.hostname == ours.hostname
        same_port = (theirs.port or port) == (ours.port or port)
    except (ValueError, KeyError):
        return False
    return same_host and same_port and (theirs.scheme == "https" or request.scope["scheme"] == "http")


def _a_form_could_send(request: Request) -> bool:
    return request.method not in READING_METHODS and media_type(request) in FORM_TYPES
