"""One call, whatever its dialect: find the procedure, name the caller, validate, run, log, answer.

This file holds the only broad `except` around a call: what no procedure foresaw is logged under the request id and
answered as "Internal server error", nothing else.
"""

import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sized
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from datetime import UTC, datetime
from typing import Any

import structlog
from msgspec import Struct, field
from pydantic import ValidationError

from contracts.errors import (
    InternalError,
    InvalidToken,
    RpcError,
    ServiceUnavailable,
    UnknownProcedure,
    ValidationFailed,
    cause_of,
)
from contracts.wire import Wire
from rpc.auth import Caller
from rpc.budget import AnswerBudget
from rpc.concurrency import ConcurrencyLimits
from rpc.content import Content, ContentBrokenOff, ContentStalled, unreadable
from rpc.context import Context, Resources
from rpc.issues import sentence_of
from rpc.json import Written, encode, written
from rpc.limits import RateLimit
from rpc.procedure import Procedure, ProcedureKind

log: structlog.typing.FilteringBoundLogger = structlog.get_logger("mediarpc.call")

Authenticate = Callable[[], Awaitable[Caller]]
Open = Callable[[type[Wire]], Awaitable[tuple[Any, Content]]]
Answered = tuple[Written | None, str | None]

# Looked up once: an enum takes 0.4 us to find a member of its own.
QUERY, MUTATION, SUBSCRIPTION = ProcedureKind.QUERY, ProcedureKind.MUTATION, ProcedureKind.SUBSCRIPTION
MAX_MEMBERS = 1_000  # of an object in an input
MAX_ITEMS = 10_000  # of an array in it
MAX_ISSUES = 20  # of an input, that are told
# What stands in columns of the record, and a key by which a call can be repeated.
_NOT_RECORDED = {"owner", "media_id", "media_ids", "idempotency_key"}
_OVER: Answered = (Written(b""), None)


def new_request_id() -> str:
    """`req_<milliseconds>_<9 characters>`, as VRSS makes them."""
    return f"req_{time.time_ns() // 1_000_000}_{random.getrandbits(36):09x}"


class Call(Struct, kw_only=True):
    """One procedure call as a dialect read it.

    A request that brings bytes has nothing read yet: `open` answers the input and the content, by the input's model.
    The calls of a batch have one `budget` for their answers.
    """

    dialect: str
    name: str
    authenticate: Authenticate
    input: Any = None
    open: Open | None = None
    budget: AnswerBudget = field(default_factory=AnswerBudget)
    request_id: str = field(default_factory=new_request_id)


class CallOutcome(Struct, kw_only=True):
    """What came of a call: the answer as JSON text, or an error.

    One event of a subscription has its id beside it; a subscription that has nothing to tell says so now and then, by
    an outcome of nothing.
    """

    request_id: str
    value: Written | None = None
    event_id: str | None = None
    error: RpcError | None = None


Facts = dict[str, Any]


class Dispatcher:
    """Runs calls against a table of procedures."""

    def __init__(
        self,
        procedures: Mapping[str, Procedure],
        resources: Resources,
        concurrency: ConcurrencyLimits,
        *,
        rpc_path: str,
    ) -> None:
        self.procedures = procedures
        self.resources = resources
        self._concurrency = concurrency
        self._rpc_path = rpc_path

    async def dispatch(self, call: Call) -> CallOutcome:
        """The outcome of one call of a query or a mutation; never raises but for cancellation."""
        started, facts = time.perf_counter(), _facts(call)
        outcome = await _outcome(call, facts, self._answer(call, facts))
        # Bound, since the proxy that `log` is looks a method up anew for each line.
        log.bind().info("call", **facts, milliseconds=_milliseconds_since(started))
        return outcome

    async def subscribe(self, call: Call) -> AsyncGenerator[CallOutcome, None]:
        """An outcome for each event of a subscription, the last one perhaps an error; closing it ends the procedure."""
        started, facts, events = time.perf_counter(), _facts(call), 0
        try:
            async with aclosing(self._events(call, facts)) as happening:
                while (outcome := await _outcome(call, facts, anext(happening))).value is not _OVER[0]:
                    events += outcome.event_id is not None
                    yield outcome
                    if outcome.error is not None:
                        break
        finally:
            log.info("subscription", **facts, events=events, milliseconds=_milliseconds_since(started))

    async def _answer(self, call: Call, facts: Facts) -> Answered:
        procedure = self.procedures.get(call.name)
        if procedure is None or procedure.kind is SUBSCRIPTION:
            raise UnknownProcedure(call.name)
        if procedure.alone and call.budget.calls > 1:
            raise ValidationFailed.of("batch", f"{procedure.name} answers a document: call it in a request of its own")
        context, *arguments = await self._prepared(procedure, call, facts)
        if procedure.kind is QUERY:
            value = await self._run(procedure, context, arguments)
            await call.budget.spend(len(value))
            return value, None
        async with call.budget.room(procedure.most_bytes(context, arguments[0])):
            value = await self._run(procedure, context, arguments)
            call.budget.count(len(value))
        return value, None

    async def _run(self, procedure: Procedure, context: Context, arguments: list[Any]) -> Written:
        async with self._slot(context):
            return written(await procedure.run(context, *arguments))

    async def _events(self, call: Call, facts: Facts) -> AsyncGenerator[Answered, None]:
        procedure = self.procedures[call.name]
        context, params = await self._prepared(procedure, call, facts)
        watching = self._concurrency.stream(context.identity.id) if context.identity else nullcontext()
        with watching:
            async with aclosing(procedure.run(context, params)) as events:
                async for event in events:
                    yield (None, None) if event is None else (written(event), event.id)
        yield _OVER

    def _slot(self, context: Context) -> AbstractAsyncContextManager[None]:
        return self._concurrency.calls_of(context.identity.id) if context.identity else nullcontext()

    async def _prepared(self, procedure: Procedure, call: Call, facts: Facts) -> tuple[Any, ...]:
        """What the procedure is run with: its caller is known before anything of a content is read."""
        caller = None if procedure.public else await call.authenticate()
        facts["caller"] = caller.id if caller else None
        value, *content = await self._opened(procedure, call) if procedure.takes_content else (call.input,)
        params = validate(procedure, value)
        context = context_of(
            self.resources, procedure, params, caller=caller, request_id=call.request_id, now=datetime.now(UTC)
        )
        return context, params, *content

    async def _opened(self, procedure: Procedure, call: Call) -> tuple[Any, Content]:
        if call.open is None:
            place = f"{self._rpc_path}/{procedure.name}"
            advice = f"send multipart/form-data or application/octet-stream to {place}, in a request of its own"
            raise unreadable("", f"{procedure.name} takes bytes: {advice}")
        return await call.open(procedure.input)


def _facts(call: Call) -> Facts:
    return {"procedure": call.name[:100], "dialect": call.dialect, "request_id": call.request_id}


def _milliseconds_since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 2)


async def _outcome(call: Call, facts: Facts, answering: Awaitable[Answered]) -> CallOutcome:
    try:
        value, event_id = await answering
    except RpcError as error:
        if isinstance(error, ServiceUnavailable):
            facts.update(service=error.service, **cause_of(error))
        elif isinstance(error, InvalidToken):
            facts.update(fault=error.fault)
        outcome = CallOutcome(request_id=call.request_id, error=error)
    except Exception:
        log.exception("unforeseen", **facts)
        outcome = CallOutcome(request_id=call.request_id, error=InternalError())
    else:
        outcome = CallOutcome(request_id=call.request_id, value=value, event_id=event_id)
    facts["outcome"] = _logged(outcome.error)
    return outcome


def _logged(error: RpcError | None) -> int | str:
    if isinstance(error, ContentBrokenOff) and not isinstance(error, ContentStalled):
        return "broken off"
    return int(error.code) if error else "ok"


def context_of(
    resources: Resources, procedure: Procedure, params: Wire, *, caller: Caller | None, request_id: str, now: datetime
) -> Context:
    """The context of one call; that of a caller has a database of its own."""
    db, charge, record = resources.db, None, None
    if caller is not None:
        if not procedure.counts_itself:
            limit = resources.limits.of(procedure.name)
            charge = _charge(procedure, caller, limit, now) if limit else None
            record = _record(procedure, caller, request_id, now, params) if procedure.kind is MUTATION else None
        db = db.for_call(caller.id, charge=charge, record=record)
    return Context(identity=caller, now=now, request_id=request_id, resources=resources, db=db)


def _charge(procedure: Procedure, caller: Caller, limit: RateLimit, now: datetime) -> Facts:
    """What `count_call` counts this call by."""
    return {
        "caller_id": caller.id,
        "procedure": procedure.name,
        "limit_calls": limit.calls,
        "limit_seconds": limit.seconds,
        "now": now,
    }


def _record(procedure: Procedure, caller: Caller, request_id: str, now: datetime, params: Wire) -> Facts:
    """What `append_audit` records of this call."""
    owner = getattr(params, "owner_meant", None) or getattr(params, "owner", None)
    return {
        "now": now,
        "user_id": caller.id,
        "user_key": caller.key,
        "procedure": procedure.name,
        "once": procedure.audits_once,
        "request_id": request_id,
        "owner_id": owner.key if owner else None,
        "input": recorded(params),
    }


def recorded(params: Wire) -> str:
    """An input as the audit keeps it: what was given and has no column of its own, a list by its length."""
    given = params.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude=_NOT_RECORDED)
    return encode({name: len(value) if isinstance(value, list) else value for name, value in given.items()}).decode()


def validate(procedure: Procedure, value: Any) -> Any:
    """The procedure's input model, or ValidationFailed with its first issues; no input at all counts as `{}`."""
    given = {} if value is None else value
    _require_few(given)
    try:
        return procedure.input.__pydantic_validator__.validate_python(given, by_name=False, by_alias=True)
    except ValidationError as invalid:
        raise _validation_failed(invalid) from None


def _require_few(value: Any) -> None:
    """ValidationFailed for more members or items than any input has: to tell what is wrong with each takes long."""
    match value:
        case dict():
            _require_at_most(MAX_MEMBERS, value, "members")
            inner: Iterable[Any] = value.values()
        case list():
            _require_at_most(MAX_ITEMS, value, "items")
            inner = value
        case _:
            return
    for one in inner:
        _require_few(one)


def _require_at_most(most: int, several: Sized, noun: str) -> None:
    if len(several) > most:
        raise ValidationFailed.of("too_long", f"The input has more than {most} {noun}")


def _validation_failed(invalid: ValidationError) -> ValidationFailed:
    errors: list[dict[str, Any]] = []
    field_errors: dict[str, list[str]] = {}
    for issue in invalid.errors(include_url=False, include_input=False)[:MAX_ISSUES]:
        path = [part if isinstance(part, int) else part[:100] for part in issue["loc"]]
        place = ".".join(str(part) for part in path)
        message = sentence_of(issue, place)
        errors.append({"path": path, "code": issue["type"], "message": message})
        field_errors.setdefault(place, []).append(message)
    return ValidationFailed(field=next(iter(field_errors)), errors=errors, field_errors=field_errors)
