"""How tRPC writes a result and an error (trpc.io/docs/rpc, v11)."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from contracts.errors import ErrorCode, RateLimitExceeded, RpcError, UnknownProcedure
from rpc.dispatch import CallOutcome, new_request_id

Document = dict[str, Any]

# Key -> number and HTTP status.
CODES = {
    "PARSE_ERROR": (-32700, HTTPStatus.BAD_REQUEST),
    "BAD_REQUEST": (-32600, HTTPStatus.BAD_REQUEST),
    "INTERNAL_SERVER_ERROR": (-32603, HTTPStatus.INTERNAL_SERVER_ERROR),
    "SERVICE_UNAVAILABLE": (-32603, HTTPStatus.SERVICE_UNAVAILABLE),
    "UNAUTHORIZED": (-32001, HTTPStatus.UNAUTHORIZED),
    "FORBIDDEN": (-32003, HTTPStatus.FORBIDDEN),
    "NOT_FOUND": (-32004, HTTPStatus.NOT_FOUND),
    "METHOD_NOT_SUPPORTED": (-32005, HTTPStatus.METHOD_NOT_ALLOWED),
    "TIMEOUT": (-32008, HTTPStatus.REQUEST_TIMEOUT),
    "CONFLICT": (-32009, HTTPStatus.CONFLICT),
    "PAYLOAD_TOO_LARGE": (-32013, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    "UNSUPPORTED_MEDIA_TYPE": (-32015, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    "TOO_MANY_REQUESTS": (-32029, HTTPStatus.TOO_MANY_REQUESTS),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What one call is answered, its HTTP status, and the headers that a request of this call alone has."""

    body: Document
    status: int = HTTPStatus.OK
    headers: tuple[tuple[str, str], ...] = ()


class Refused(Exception):
    """A call or a whole request that tRPC refuses before any procedure runs."""

    def __init__(self, key: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.key, self.message, self.headers = key, message, headers or {}

    def answer(self, path: str | None = None) -> Answer:
        """The refusal on the wire, under the call's path when one call is refused."""
        shape = _shape(self.key, self.message, path, rpc_code=ErrorCode.VALIDATION_ERROR, request_id=new_request_id())
        return Answer({"error": shape}, CODES[self.key][1], tuple(self.headers.items()))


def answer(outcome: CallOutcome, path: str) -> Answer:
    """What came of a call, on the wire."""
    if outcome.error is None:
        return Answer({"result": {"data": outcome.value}})
    error = outcome.error
    shape = error_shape(error, outcome.request_id, path)
    headers = (("retry-after", str(error.retry_after)),) if isinstance(error, RateLimitExceeded) else ()
    return Answer({"error": shape}, CODES[error.code.trpc_key][1], headers)


def error_shape(error: RpcError, request_id: str, path: str) -> Document:
    """An error as tRPC's clients read it; ours tells its own number, the request and the facts in `data` as well."""
    unknown = isinstance(error, UnknownProcedure)
    message = f'No procedure found on path "{path[:100]}"' if unknown else error.message
    shape = _shape(error.code.trpc_key, message, path, rpc_code=error.code, request_id=request_id)
    if error.details is not None:
        shape["data"]["details"] = error.details
    return shape


def _shape(key: str, message: str, path: str | None, *, rpc_code: int, request_id: str) -> Document:
    number, status = CODES[key]
    data: Document = {"code": key, "httpStatus": int(status), "rpcCode": int(rpc_code), "requestId": request_id}
    if path is not None:
        data["path"] = path
    return {"message": message, "code": number, "data": data}
