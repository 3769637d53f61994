"""JSON-RPC 2.0 (jsonrpc.org/specification): request objects in, responses out.

jsonrpcserver calls the methods. What it does not do by the book stays here: the check of each member, the batch, and
what an error tells.
"""

from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

from jsonrpcserver import JsonRpcError, Result, Success
from jsonrpcserver.async_dispatcher import call
from jsonrpcserver.dispatcher import create_request
from jsonrpcserver.sentinels import NODATA, NOID
from oslash.either import Left

from contracts.errors import (
    JSONRPC_INTERNAL_ERROR,
    JSONRPC_INVALID_PARAMS,
    ErrorCode,
    RpcError,
    UnknownProcedure,
)
from rpc.batch import side_by_side
from rpc.budget import AnswerBudget
from rpc.dispatch import Authenticate, Call, CallOutcome, Dispatcher
from rpc.procedure import Procedure

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601

_SENTENCES = {
    PARSE_ERROR: "Parse error",
    INVALID_REQUEST: "Invalid Request",
    METHOD_NOT_FOUND: "Method not found",
    JSONRPC_INVALID_PARAMS: "Invalid params",
    JSONRPC_INTERNAL_ERROR: "Internal error",
}

Document = dict[str, Any]
Shared = tuple[Authenticate, AnswerBudget]  # by the calls of a request

# Made once, not for each member.
_PARAMS, _ID = list | dict, str | int | float


def error_document(code: int, id_: Any = None) -> Document:
    """An error response with the spec's own number and sentence."""
    return {"jsonrpc": "2.0", "error": {"code": code, "message": _SENTENCES[code]}, "id": id_}


class JsonRpc:
    """Answers JSON-RPC requests through a dispatcher."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._methods = {name: self._method(procedure) for name, procedure in dispatcher.procedures.items()}

    async def answer_all(self, members: list[Any], authenticate: Authenticate) -> list[Document | None]:
        """The response to each member of a batch, all run side by side; None to a notification."""
        budget = AnswerBudget(len(members))
        return await side_by_side([self._answer(member, authenticate, budget) for member in members])

    async def _answer(self, member: Any, authenticate: Authenticate, budget: AnswerBudget) -> Document | None:
        if not is_request(member):
            return error_document(INVALID_REQUEST)
        request = create_request(member)
        method = self._methods.get(request.method) or self._unknown(request.method)
        result = await call(request, (authenticate, budget), method)
        return None if request.id is NOID else _document(result, request.id)

    def _method(self, procedure: Procedure) -> Callable[..., Any]:
        parameters = procedure.parameters

        def method(request: Shared, /, *positional: Any, **named: Any) -> Awaitable[Result]:
            if not positional:
                return self._call(procedure.name, named, request)
            if len(positional) > len(parameters):  # no model takes a list, so this fails as any other bad input does
                return self._call(procedure.name, positional, request)
            return self._call(procedure.name, dict(zip(parameters, positional, strict=False)), request)

        return method

    def _unknown(self, name: str) -> Callable[..., Any]:
        """The method of a name that no procedure has: dispatched all the same, to be logged like any call."""

        def method(request: Shared, /, *_positional: Any, **_named: Any) -> Awaitable[Result]:
            return self._call(name, None, request)

        return method

    async def _call(self, name: str, params: Any, request: Shared) -> Result:
        authenticate, budget = request
        called = Call(dialect="jsonrpc", name=name, input=params, authenticate=authenticate, budget=budget)
        outcome = await self._dispatcher.dispatch(called)
        if outcome.error is not None:
            _raise(outcome.error, outcome)
        return Success(outcome.value)


def is_request(member: Any) -> bool:
    """Whether a value is a request object of the spec; members that the spec does not know are ignored."""
    return (
        isinstance(member, dict)
        and member.get("jsonrpc") == "2.0"
        and isinstance(member.get("method"), str)
        and ("params" not in member or isinstance(member["params"], _PARAMS))
        and ("id" not in member or _is_id(member["id"]))
    )


def _is_id(value: Any) -> bool:
    return value is None or (isinstance(value, _ID) and not isinstance(value, bool))


def _raise(error: RpcError, outcome: CallOutcome) -> NoReturn:
    data: dict[str, Any] = {"rpcCode": int(error.code), "requestId": outcome.request_id}
    if isinstance(error, UnknownProcedure):
        raise JsonRpcError(METHOD_NOT_FOUND, _SENTENCES[METHOD_NOT_FOUND], {**data, "method": error.name[:100]})
    if error.details is not None:
        data["details"] = error.details
    unforeseen = error.code is ErrorCode.INTERNAL_SERVER_ERROR
    message = _SENTENCES[JSONRPC_INTERNAL_ERROR] if unforeseen else error.message
    raise JsonRpcError(error.code.jsonrpc, message, data)


def _document(result: Result, id_: Any) -> Document:
    if isinstance(result, Left):
        failure = result._error  # noqa: SLF001 - the library's Either has no accessor
        error = {"code": failure.code, "message": failure.message}
        if failure.data is not NODATA:
            error["data"] = failure.data
        return {"jsonrpc": "2.0", "error": error, "id": id_}
    return {"jsonrpc": "2.0", "result": result._value.result, "id": id_}  # noqa: SLF001
