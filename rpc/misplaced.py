"""What came to an address where nothing is called: the answer says where calls go, in the dialect that was spoken."""

from collections.abc import Collection
from http import HTTPStatus
from typing import Any, Literal

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from contracts.errors import WrongAddress
from rpc.body import CLOSE, TOO_SLOW, Bodies, BodyTooLarge, BodyTooSlow, media_type
from rpc.dispatch import new_request_id
from rpc.endpoint import CONTENT_TYPES, is_jsonrpc
from rpc.envelope import is_envelope, refuse
from rpc.json import ParseError, decode, encode
from rpc.jsonrpc import is_request
from rpc.trpc.shape import error_shape

NOTHING = object()
MAX_PATHS = 100


class Misplaced:
    """Answers requests that lead to none of these procedures' addresses."""

    def __init__(self, procedures: Collection[str], rpc_path: str, *, bodies: Bodies) -> None:
        self._procedures = procedures
        self._error = WrongAddress(rpc_path)
        self._rpc_path = rpc_path
        self._bodies = bodies

    async def __call__(self, request: Request, _error: Exception | None = None) -> Response:
        """404, whatever the dialect."""
        try:
            document = await self._document(request)
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)
        except BodyTooSlow:
            return PlainTextResponse(f"{TOO_SLOW}\n", HTTPStatus.REQUEST_TIMEOUT, headers=CLOSE)
        return self.answer(document, request)

    def answer(self, document: Any, request: Request) -> Response:
        """The same to a request that has brought this document."""
        refusal = self._refusal(document, request)
        if refusal is None:
            return PlainTextResponse(f"{self._error.message}\n", HTTPStatus.NOT_FOUND)
        return Response(encode(refusal), HTTPStatus.NOT_FOUND, media_type="application/json")

    async def _document(self, request: Request) -> Any:
        """The JSON that a POST brings, NOTHING when it brings none."""
        if request.method != "POST" or media_type(request) not in CONTENT_TYPES:
            return NOTHING
        try:
            return decode(await self._bodies.read(request))
        except (BodyTooLarge, ParseError):
            return NOTHING

    def _refusal(self, document: Any, request: Request) -> Any:
        """The refusal as the caller's dialect writes it, None when it speaks none."""
        match dialect_of(document):
            case "jsonrpc":
                return self._as_jsonrpc(document)
            case "envelope":
                return refuse(self._error.code, self._error.message)
        return self._as_trpc(request) if self._speaks_trpc(request) else None

    def _as_jsonrpc(self, document: Any) -> dict[str, Any]:
        error = {
            "code": self._error.code.jsonrpc,
            "message": self._error.message,
            "data": {"rpcCode": int(self._error.code), "requestId": new_request_id()},
        }
        return {"jsonrpc": "2.0", "error": error, "id": document.get("id") if is_request(document) else None}

    def _as_trpc(self, request: Request) -> Any:
        errors = [{"error": error_shape(self._error, new_request_id(), path[:100])} for path in _paths(request)]
        return errors if b"batch=1" in request.scope["query_string"].split(b"&") else errors[0]

    def _speaks_trpc(self, request: Request) -> bool:
        below = request.url.path.startswith(self._rpc_path + "/")
        return below or any(path in self._procedures for path in _paths(request))


def dialect_of(document: Any) -> Literal["jsonrpc", "envelope"] | None:
    """The dialect of `POST /rpc` that a document is in, an array as its first member; None when it is in neither."""
    first = document[0] if isinstance(document, list) and document else document
    if not isinstance(first, dict):
        return None
    if is_jsonrpc(first):
        return "jsonrpc"
    return "envelope" if is_envelope(first) or "batch" in first else None


def _paths(request: Request) -> list[str]:
    """What would be the paths of calls to tRPC, wherever its endpoint was looked for."""
    return request.url.path.rpartition("/")[2].split(",")[:MAX_PATHS]
