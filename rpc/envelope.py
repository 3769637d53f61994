"""The VRSS envelope: `{procedure, input, context}` in, `{success, data | error, metadata}` out, with HTTP statuses.

`{batch: [{id, procedure, input}]}` is answered `{results: [{id, success, ...}]}`.
"""

import time
from http import HTTPStatus
from typing import Any

from contracts.errors import ErrorCode, RateLimitExceeded, RpcError
from rpc.batch import side_by_side
from rpc.budget import AnswerBudget
from rpc.dispatch import Authenticate, Call, Dispatcher, new_request_id

Document = dict[str, Any]
Answer = tuple[int, Document, dict[str, str]]


class Envelope:
    """Answers envelopes through a dispatcher."""

    def __init__(self, dispatcher: Dispatcher, *, max_batch_calls: int) -> None:
        self._dispatcher = dispatcher
        self._max_batch_calls = max_batch_calls

    async def answer(
        self, document: Document, authenticate: Authenticate, budget: AnswerBudget | None = None
    ) -> Answer:
        """HTTP status, body and further headers for a parsed envelope."""
        name = document.get("procedure")
        if not isinstance(name, str) or not name:
            refusal = refuse(ErrorCode.VALIDATION_ERROR, "Missing or invalid 'procedure' field")
            return HTTPStatus.BAD_REQUEST, refusal, {}
        # Any falsy input is no input.
        call = Call(
            dialect="envelope",
            name=name,
            input=document.get("input") or None,
            authenticate=authenticate,
            budget=budget or AnswerBudget(),
        )
        outcome = await self._dispatcher.dispatch(call)
        if outcome.error is not None:
            error = outcome.error
            return error.code.http_status, _failure(error, outcome.request_id), _headers(error)
        return HTTPStatus.OK, {"success": True, "data": outcome.value, "metadata": metadata(outcome.request_id)}, {}

    async def answer_all(self, documents: list[Any], authenticate: Authenticate) -> list[Document]:
        """The body that answers each envelope, all run side by side."""
        budget = AnswerBudget(len(documents))
        answers = await side_by_side([self._answer_member(document, authenticate, budget) for document in documents])
        return [body for _, body, _ in answers]

    async def answer_batch(self, batch: Any, authenticate: Authenticate) -> Answer:
        """What the members of `batch` are answered, each under its own id; a failed one leaves the status at 200."""
        if not isinstance(batch, list) or not 1 <= len(batch) <= self._max_batch_calls:
            message = f"'batch' must be an array of 1 to {self._max_batch_calls} calls"
            return HTTPStatus.BAD_REQUEST, refuse(ErrorCode.VALIDATION_ERROR, message), {}
        ids = [member.get("id") if isinstance(member, dict) else None for member in batch]
        bodies = await self.answer_all(batch, authenticate)
        return HTTPStatus.OK, {"results": [{"id": id_, **body} for id_, body in zip(ids, bodies, strict=True)]}, {}

    async def _answer_member(self, member: Any, authenticate: Authenticate, budget: AnswerBudget) -> Answer:
        if not isinstance(member, dict):
            return HTTPStatus.BAD_REQUEST, refuse(ErrorCode.VALIDATION_ERROR, "Request must be a JSON object"), {}
        return await self.answer(member, authenticate, budget)


def is_envelope(document: Any) -> bool:
    """Whether a member of an array is an envelope: it names a procedure and does not say `jsonrpc`."""
    return isinstance(document, dict) and "procedure" in document and "jsonrpc" not in document


def metadata(request_id: str) -> Document:
    """When (milliseconds since 1970) and under which id a request was answered."""
    return {"timestamp": time.time_ns() // 1_000_000, "requestId": request_id}


def refuse(code: int, message: str) -> Document:
    """The answer to a request in which no call was recognised."""
    return {
        "success": False,
        "error": {"code": int(code), "message": message},
        "metadata": metadata(new_request_id()),
    }


def _headers(error: RpcError) -> dict[str, str]:
    return {"retry-after": str(error.retry_after)} if isinstance(error, RateLimitExceeded) else {}


def _failure(error: RpcError, request_id: str) -> Document:
    failure: Document = {"code": int(error.code), "message": error.message}
    if error.details is not None:
        failure["details"] = error.details
    return {"success": False, "error": failure, "metadata": metadata(request_id)}
