"""What a procedure is: a plain function with a wire name, whose annotations are its contract."""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from types import NoneType
from typing import Any, TypeVar, get_args, get_type_hints

from contracts.errors import (
    AnswersTooLarge,
    AuthenticationRequired,
    ForeignSite,
    InternalError,
    InvalidToken,
    RateLimitExceeded,
    RpcError,
    ServiceUnavailable,
    SessionExpired,
    ValidationFailed,
)
from contracts.wire import Event, Wire
from rpc.budget import MEDIA_BYTES
from rpc.content import Content, ContentStalled
from rpc.context import Context

Input = TypeVar("Input", bound=Wire)
Output = TypeVar("Output", bound=Wire)
Events = TypeVar("Events", bound=Event)

Call = Callable[[Context, Input], Awaitable[Output]]
Take = Callable[[Context, Input, Content], Awaitable[Output]]
Watch = Callable[[Context, Input], AsyncIterator[Events | None]]
MostBytes = Callable[[Context, Any], int]

_OF_CALLERS = (AuthenticationRequired, SessionExpired, InvalidToken, ForeignSite, RateLimitExceeded)
_OF_BATCHES = (AnswersTooLarge,)
_OF_ALL = (ValidationFailed, ServiceUnavailable, InternalError)


class ProcedureKind(StrEnum):
    """What a call does, in tRPC's words."""

    QUERY = "query"  # reads
    MUTATION = "mutation"  # changes
    SUBSCRIPTION = "subscription"  # answers events until the caller leaves


def of_one_media(_ctx: Context, _params: Wire) -> int:
    """The most bytes of an answer that is no list."""
    return MEDIA_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """A function(context, input model) -> output model under its wire name; a subscription answers an iterator of them.

    One that `takes_content` is given a Content too: bytes that arrive while it runs. A `public` one needs no caller;
    one that `counts_itself` has the rate limit and the audit in its own statement; one that `audits_once` leaves one
    record of each media, however often it is called; one that is `alone` is called in a request of its own; `raises`
    are the errors that are its own. A mutation answers `most_bytes` of its context and input at the most.
    """

    name: str
    kind: ProcedureKind
    public: bool
    counts_itself: bool
    audits_once: bool
    takes_content: bool
    alone: bool
    most_bytes: MostBytes
    raises: tuple[type[RpcError], ...]
    input: type[Wire]
    output: type[Wire]
    run: Callable[..., Any]
    summary: str

    @property
    def parameters(self) -> list[str]:
        """The wire names of the input's members, in order: what positional parameters mean."""
        return [field.alias or name for name, field in self.input.model_fields.items()]

    @property
    def errors(self) -> tuple[type[RpcError], ...]:
        """Every error that a call may be answered with."""
        of_callers = () if self.public else _OF_CALLERS
        of_content = (ContentStalled,) if self.takes_content else ()
        of_batches = () if self.takes_content or self.kind is ProcedureKind.SUBSCRIPTION else _OF_BATCHES
        return tuple(dict.fromkeys((*of_callers, *self.raises, *of_content, *of_batches, *_OF_ALL)))


def query(
    name: str, *, public: bool = False, alone: bool = False, raises: tuple[type[RpcError], ...] = ()
) -> Callable[[Call[Input, Output]], Procedure]:
    """Make a function that reads callable as `name`; its annotations and its docstring are the contract."""
    return partial(_declare, name, ProcedureKind.QUERY, public=public, alone=alone, raises=raises)


def mutation(
    name: str,
    *,
    public: bool = False,
    counts_itself: bool = False,
    audits_once: bool = False,
    most_bytes: MostBytes = of_one_media,
    raises: tuple[type[RpcError], ...] = (),
) -> Callable[[Call[Input, Output] | Take[Input, Output]], Procedure]:
    """Make a function that changes something callable as `name`; one with a third parameter, a Content, takes bytes."""
    return partial(
        _declare,
        name,
        ProcedureKind.MUTATION,
        public=public,
        counts_itself=counts_itself,
        audits_once=audits_once,
        most_bytes=most_bytes,
        raises=raises,
    )


def subscription(
    name: str, *, public: bool = False, raises: tuple[type[RpcError], ...] = ()
) -> Callable[[Watch[Input, Events]], Procedure]:
    """Make an asynchronous generator of events watchable as `name`.

    It yields None when it has had nothing to tell for a while, so that whoever watches knows that it lives.
    """
    return partial(_declare, name, ProcedureKind.SUBSCRIPTION, public=public, raises=raises)


def _declare(
    name: str,
    kind: ProcedureKind,
    function: Callable[..., Any],
    *,
    public: bool,
    raises: tuple[type[RpcError], ...],
    counts_itself: bool = False,
    audits_once: bool = False,
    alone: bool = False,
    most_bytes: MostBytes = of_one_media,
) -> Procedure:
    hints = get_type_hints(function)
    context, params, *content = inspect.signature(function).parameters
    assert hints[context] is Context
    assert [hints[parameter] for parameter in content] in ([], [Content])
    assert not content or kind is ProcedureKind.MUTATION
    answered = hints["return"]
    return Procedure(
        name=name,
        kind=kind,
        public=public,
        counts_itself=counts_itself,
        audits_once=audits_once,
        takes_content=bool(content),
        alone=alone,
        most_bytes=most_bytes,
        raises=raises,
        input=hints[params],
        output=_event_model(answered) if kind is ProcedureKind.SUBSCRIPTION else answered,
        run=function,
        summary=inspect.getdoc(function) or "",
    )


def _event_model(answered: Any) -> Any:
    """The model in `AsyncIterator[Model]` and `AsyncIterator[Model | None]`."""
    (yielded,) = get_args(answered)
    (model,) = set(get_args(yielded) or (yielded,)) - {NoneType}
    return model
