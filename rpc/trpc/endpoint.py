"""`GET|POST /rpc/{path}`: from an HTTP request to the calls that tRPC means by it, and back."""

from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from http import HTTPStatus
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from rpc.auth import Authenticator
from rpc.batch import side_by_side
from rpc.body import Arriving, Bodies, media_type
from rpc.budget import AnswerBudget
from rpc.concurrency import ConcurrencyLimits, within
from rpc.dispatch import Authenticate, Call, Dispatcher
from rpc.early_response import EarlyResponse
from rpc.endpoint import once
from rpc.json import encode
from rpc.misplaced import Misplaced, dialect_of
from rpc.procedure import Procedure, ProcedureKind
from rpc.stream import Stream
from rpc.trpc.content import open_content
from rpc.trpc.events import HEADERS, events, refused
from rpc.trpc.lines import lines
from rpc.trpc.request import BINARY, JSON_LINES, Asked, check_parameters, is_batch, path_of, read
from rpc.trpc.shape import Answer, Refused, answer
from rpc.trpc.subscription import input_of_subscription, with_token

# A query may be sent as a POST: clients do so by `methodOverride`, for inputs that no URL can hold.
METHODS = {
    ProcedureKind.QUERY: ("GET", "POST"),
    ProcedureKind.MUTATION: ("POST",),
    ProcedureKind.SUBSCRIPTION: ("GET", "POST"),
}
VARY = {"vary": "trpc-accept, accept"}


class Trpc:
    """Answers the requests below one path."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        authenticator: Authenticator,
        concurrency: ConcurrencyLimits,
        misplaced: Misplaced,
        *,
        bodies: Bodies,
        max_batch_calls: int,
        content_idle_seconds: float,
    ) -> None:
        self._dispatcher = dispatcher
        self._authenticator = authenticator
        self._concurrency = concurrency
        self._misplaced = misplaced
        self._content_idle_seconds = content_idle_seconds
        self._read: Callable[[Request], Coroutine[Any, Any, Asked]] = partial(
            read, bodies=bodies, max_batch_calls=max_batch_calls
        )

    async def __call__(self, request: Request) -> Response:
        """The response to a request of any method."""
        if request.method == "HEAD":
            return Response(status_code=HTTPStatus.NO_CONTENT)
        if not request.path_params["path"]:
            return await self._misplaced(request)
        try:
            check_parameters(request)
            return await self._go_on(request)
        except Refused as refusal:
            return _single(refusal.answer())
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)

    async def _go_on(self, request: Request) -> Response:
        if self._brings_content(request):
            return await self._take(request)
        asked = await self._read(request)
        if self._is_misplaced(asked):
            return self._misplaced.answer(asked.input, request)
        _check_kinds(self._procedures(asked))
        return await self._respond(asked, request)

    def _is_misplaced(self, asked: Asked) -> bool:
        """Whether it is a call of another dialect, at an address where no procedure is."""
        nowhere = not asked.batched and asked.paths[0] not in self._dispatcher.procedures
        return nowhere and asked.method == "POST" and dialect_of(asked.input) is not None

    def _brings_content(self, request: Request) -> bool:
        binary = request.method == "POST" and media_type(request) in BINARY
        return binary and not is_batch(request) and self._takes_content(path_of(request))

    async def _take(self, request: Request) -> Response:
        """The answer to a call whose content is read by its procedure, as far as that will."""
        path, authenticate = path_of(request), once(self._authenticator, request)
        body = Arriving(request.receive, idle_seconds=self._content_idle_seconds)
        call = Call(dialect="trpc", name=path, authenticate=authenticate, open=partial(open_content, request, body))
        reply = answer(await self._dispatcher.dispatch(call), path)
        return _single(reply) if body.is_whole else _single(reply, EarlyResponse)

    async def _respond(self, asked: Asked, request: Request) -> Response:
        if not asked.batched and self._is_subscription(asked.paths[0]):
            return self._subscribe(asked, request)
        authenticate = once(self._authenticator, request)
        budget = AnswerBudget(len(asked.paths))
        calls = [self._answer(asked, position, authenticate, budget) for position in range(len(asked.paths))]
        slot = self._concurrency.batch_of(names_caller=not asked.batched or self._authenticator.names_caller(request))
        if asked.streamed:
            return Stream(lines(within(slot, call) for call in calls), media_type=JSON_LINES, headers=VARY)
        async with slot:
            answers = await side_by_side(calls)
        return _batch(answers) if asked.batched else _single(answers[0])

    async def _answer(self, asked: Asked, position: int, authenticate: Authenticate, budget: AnswerBudget) -> Answer:
        path = asked.paths[position]
        try:
            self._check_call(path, asked)
            value = asked.input_of(position) if self._takes_json(path) else None
        except Refused as refusal:
            return refusal.answer(path)
        call = Call(dialect="trpc", name=path, input=value, authenticate=authenticate, budget=budget)
        return answer(await self._dispatcher.dispatch(call), path)

    def _subscribe(self, asked: Asked, request: Request) -> Response:
        """The stream of a subscription; from here on whatever goes wrong is told in it."""
        (path,) = asked.paths
        authenticate = once(self._authenticator, with_token(request))
        try:
            self._check_verb(path, asked)
            value = input_of_subscription(asked, request)
        except Refused as refusal:
            stream = refused(refusal.answer(path))
        else:
            call = Call(dialect="trpc", name=path, input=value, authenticate=authenticate)
            stream = events(self._dispatcher.subscribe(call), path)
        return Stream(stream, media_type="text/event-stream", headers=HEADERS)

    def _check_call(self, path: str, asked: Asked) -> None:
        if self._is_subscription(path):
            raise Refused("BAD_REQUEST", "Cannot batch subscription calls")
        self._check_verb(path, asked)

    def _check_verb(self, path: str, asked: Asked) -> None:
        procedure = self._dispatcher.procedures.get(path)
        if procedure is not None and asked.method not in METHODS[procedure.kind]:
            message = f'Unsupported {asked.method}-request to {procedure.kind} procedure at path "{path}"'
            raise Refused("METHOD_NOT_SUPPORTED", message, {"allow": ", ".join(METHODS[procedure.kind])})

    def _is_subscription(self, path: str) -> bool:
        procedure = self._dispatcher.procedures.get(path)
        return procedure is not None and procedure.kind is ProcedureKind.SUBSCRIPTION

    def _takes_content(self, path: str) -> bool:
        procedure = self._dispatcher.procedures.get(path)
        return procedure is not None and procedure.takes_content

    def _takes_json(self, path: str) -> bool:
        return path in self._dispatcher.procedures and not self._takes_content(path)

    def _procedures(self, asked: Asked) -> list[Procedure]:
        return [procedure for path in asked.paths if (procedure := self._dispatcher.procedures.get(path))]


def _check_kinds(procedures: Iterable[Procedure]) -> None:
    kinds = list(dict.fromkeys(procedure.kind for procedure in procedures))
    if len(kinds) > 1:
        raise Refused("BAD_REQUEST", f"Cannot mix procedure types in call: {', '.join(kinds)}")


def _single(one: Answer, response: type[Response] = Response) -> Response:
    return _json(one.body, one.status, dict(one.headers), response)


def _batch(answers: list[Answer]) -> Response:
    """By position, under the status that all share, else 207; of several seconds to wait, the most are told."""
    statuses = {one.status for one in answers}
    every = sorted(
        (header for one in answers for header in one.headers), key=lambda header: (len(header[1]), header[1])
    )
    headers = dict(every) if len(statuses) == 1 else {}
    status = statuses.pop() if len(statuses) == 1 else HTTPStatus.MULTI_STATUS
    return _json([one.body for one in answers], status, headers)


def _json(document: Any, status: int, headers: dict[str, str], response: type[Response] = Response) -> Response:
    return response(encode(document), status_code=status, media_type="application/json", headers={**VARY, **headers})
