"""What the request of a subscription says beside its input: where to go on, and who asks.

A browser's EventSource can set no header, so a token may come in `connectionParams`, which stand in the URL: it should
be a short-lived one.
"""

from typing import Any

from starlette.requests import Request

from rpc.json import ParseError, decode
from rpc.trpc.request import Asked
from rpc.trpc.shape import Refused


def input_of_subscription(asked: Asked, request: Request) -> Any:
    """The input, with the id of the last event that the client has seen as its `lastEventId`."""
    value, seen = asked.input_of(0), _last_event_id(request)
    if seen is None or not isinstance(value, dict | None):
        return value
    return {**(value or {}), "lastEventId": seen}


def with_token(request: Request) -> Request:
    """The request with the token of its connectionParams as its credential, unless it has one."""
    token = _connection_params(request).get("token")
    if not token or "authorization" in request.headers:
        return request
    credential = (b"authorization", b"Bearer " + token.encode())
    return Request({**request.scope, "headers": [*request.scope["headers"], credential]})


def _last_event_id(request: Request) -> str | None:
    """As EventSource sends it when it connects again by itself, or as a client names it."""
    header = request.headers.get("last-event-id")
    return header or request.query_params.get("lastEventId") or request.query_params.get("Last-Event-Id")


def _connection_params(request: Request) -> dict[str, str]:
    raw = request.query_params.get("connectionParams")
    if raw is None:
        return {}
    try:
        params = decode(raw.encode(errors="surrogatepass"))
    except ParseError:
        params = ()
    if params is None:
        return {}
    if not isinstance(params, dict) or not all(isinstance(value, str) for value in params.values()):
        raise Refused("PARSE_ERROR", "connectionParams must be a JSON object of strings")
    return params
