"""`POST /rpc`: from an HTTP request to the dialect that it speaks.

An object is an envelope unless it says `jsonrpc`, or has a `method` and no `procedure`. In an array each member tells
its own dialect. A request in which no dialect can be told gets one body that satisfies both.
"""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from contracts.errors import ErrorCode, RpcError
from rpc.auth import Authenticator, Caller
from rpc.body import CLOSE, TOO_SLOW, Bodies, BodyTooLarge, BodyTooSlow, media_type
from rpc.concurrency import ConcurrencyLimits
from rpc.dispatch import Authenticate, Dispatcher
from rpc.envelope import Envelope, is_envelope, refuse
from rpc.json import ParseError, decode, encode
from rpc.jsonrpc import INVALID_REQUEST, PARSE_ERROR, JsonRpc, error_document

CONTENT_TYPES = frozenset({"application/json", "application/json-rpc", "application/jsonrequest"})


class Endpoint:
    """Answers the requests of one path."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        authenticator: Authenticator,
        concurrency: ConcurrencyLimits,
        *,
        bodies: Bodies,
        max_batch_calls: int,
    ) -> None:
        self._authenticator = authenticator
        self._concurrency = concurrency
        self._jsonrpc = JsonRpc(dispatcher)
        self._envelope = Envelope(dispatcher, max_batch_calls=max_batch_calls)
        self._max_batch_calls = max_batch_calls
        self._bodies = bodies

    async def __call__(self, request: Request) -> Response:
        """The response to a request of any method."""
        if request.method != "POST":
            return _method_not_allowed()
        if media_type(request) not in CONTENT_TYPES:
            return _both(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, ErrorCode.VALIDATION_ERROR, "Content-Type must be application/json"
            )
        try:
            document = decode(await self._bodies.read(request))
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)
        except (BodyTooLarge, BodyTooSlow, ParseError) as unread:
            return self._unread(unread)
        return await self._answer(document, request)

    def _unread(self, why: BodyTooLarge | BodyTooSlow | ParseError) -> Response:
        """The answer to a request whose body is no JSON, or not to be waited for."""
        if isinstance(why, ParseError):
            return _both(HTTPStatus.BAD_REQUEST, PARSE_ERROR)
        if isinstance(why, BodyTooSlow):
            return _both(HTTPStatus.REQUEST_TIMEOUT, ErrorCode.VALIDATION_ERROR, TOO_SLOW, headers=CLOSE)
        message = f"Request body exceeds {self._bodies.max_bytes} bytes"
        return _both(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, ErrorCode.VALIDATION_ERROR, message)

    async def _answer(self, document: Any, request: Request) -> Response:
        authenticate = once(self._authenticator, request)
        if isinstance(document, list):
            async with self._slot(request):
                return await self._answer_array(document, authenticate)
        if not isinstance(document, dict):
            return _both(HTTPStatus.BAD_REQUEST, INVALID_REQUEST)
        if is_jsonrpc(document):
            (answer,) = await self._jsonrpc.answer_all([document], authenticate)
            return _json_unless_empty(answer)
        if "batch" in document and "procedure" not in document:
            async with self._slot(request):
                return _json(*await self._envelope.answer_batch(document["batch"], authenticate))
        return _json(*await self._envelope.answer(document, authenticate))

    def _slot(self, request: Request) -> AbstractAsyncContextManager[None]:
        return self._concurrency.batch_of(names_caller=self._authenticator.names_caller(request))

    async def _answer_array(self, members: list[Any], authenticate: Authenticate) -> Response:
        """The answers in the order of the calls, all run side by side; a notification has none."""
        if not 1 <= len(members) <= self._max_batch_calls:
            return _json(HTTPStatus.OK, error_document(INVALID_REQUEST))
        if not any(map(is_envelope, members)):
            return _json_unless_empty(_without_nothing(await self._jsonrpc.answer_all(members, authenticate)))
        return await self._answer_mixed(members, authenticate)

    async def _answer_mixed(self, members: list[Any], authenticate: Authenticate) -> Response:
        """The answers of an array that has envelopes among its members."""
        spoken = [self._envelope if is_envelope(member) else self._jsonrpc for member in members]

        async def answers(dialect: Envelope | JsonRpc) -> Iterator[Any]:
            calls = [member for member, its in zip(members, spoken, strict=True) if its is dialect]
            return iter(await dialect.answer_all(calls, authenticate))

        envelopes, responses = await asyncio.gather(answers(self._envelope), answers(self._jsonrpc))
        in_order = (next(envelopes if dialect is self._envelope else responses) for dialect in spoken)
        return _json_unless_empty(_without_nothing(in_order))


def once(authenticator: Authenticator, request: Request) -> Authenticate:
    """Authenticate a request when the first of its calls needs a caller; the others wait for the same outcome."""
    checking = asyncio.Lock()
    outcomes: list[Caller | RpcError] = []

    async def authenticate() -> Caller:
        if not outcomes:
            async with checking:
                outcomes.append(outcomes[0] if outcomes else await _caller_or_refusal(authenticator, request))
        if isinstance(outcomes[0], RpcError):
            raise outcomes[0]
        return outcomes[0]

    return authenticate


async def _caller_or_refusal(authenticator: Authenticator, request: Request) -> Caller | RpcError:
    try:
        return await authenticator.caller(request)
    except RpcError as refusal:
        return refusal


def is_jsonrpc(document: dict[str, Any]) -> bool:
    """Whether an object is meant for JSON-RPC, well made or not."""
    return "jsonrpc" in document or ("method" in document and "procedure" not in document)


def _without_nothing(answers: Iterable[Any]) -> list[Any]:
    return [answer for answer in answers if answer is not None]


def _json_unless_empty(answer: Any) -> Response:
    return _json(HTTPStatus.OK, answer) if answer else Response(status_code=HTTPStatus.NO_CONTENT)


def _json(status: int, document: Any, headers: dict[str, str] | None = None) -> Response:
    return Response(encode(document), status_code=status, media_type="application/json", headers=headers)


def _both(
    status: HTTPStatus, code: int, message: str | None = None, *, headers: dict[str, str] | None = None
) -> Response:
    """An error that reads as a JSON-RPC response and as an envelope."""
    if message is None:
        message = error_document(code)["error"]["message"]
    return _json(status, {"jsonrpc": "2.0", "id": None, **refuse(code, message)}, headers)


def _method_not_allowed() -> Response:
    return JSONResponse(
        {"error": "Method Not Allowed", "message": "Only POST requests are allowed"},
        status_code=HTTPStatus.METHOD_NOT_ALLOWED,
        headers={"allow": "POST"},
    )
