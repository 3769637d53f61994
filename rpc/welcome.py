"""`GET /`: where a person is who opens the server's address in a browser."""

from collections.abc import Callable, Coroutine
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

HEADERS = {
    "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    # It names the address by which it was asked for.
    "cache-control": "no-store",
}
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>mediarpc</title>
<h1>mediarpc</h1>
<p>A media backend that web apps call by procedure name. This one answers at <code>{endpoint}</code>:
JSON-RPC 2.0 and the VRSS envelope by POST, tRPC below it at <code>{endpoint}/media.getMedia</code> and the like.</p>
<ul>
<li><a href="/openrpc.json">/openrpc.json</a>: every procedure with its input, answer, errors and examples
<li><a href="/openapi.json">/openapi.json</a>: the same of tRPC's paths, for the tools of OpenAPI
<li><a href="{rpc_path}/media.getSupportedFormats">media.getSupportedFormats</a>: a first call, which needs no token
<li><a href="/healthz">/healthz</a>: this process answers
<li><a href="/readyz">/readyz</a>: database and storage do
</ul>
<p>How to call it is told by README.md and docs/api.md, which came with it.</p>
</html>
"""


def welcome(rpc_path: str, server_url: str | None) -> Callable[[Request], Coroutine[Any, Any, HTMLResponse]]:
    """The page of a server that is reached at this URL, or as whoever asks has reached it."""

    async def page(request: Request) -> HTMLResponse:
        address = (server_url or str(request.base_url)).rstrip("/")
        fields = {"endpoint": escape(address + rpc_path), "rpc_path": escape(rpc_path)}
        return HTMLResponse(PAGE.format(**fields), headers=HEADERS)

    return page
