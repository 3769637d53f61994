"""What a procedure is: a plain function with a wire name, whose annotations are its contract."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar, get_type_hints

from contracts.wire import Wire
from rpc.context import Context

Input = TypeVar("Input", bound=Wire)
Output = TypeVar("Output", bound=Wire)


@dataclass(frozen=True, slots=True)
class Procedure:
    """A function(context, input model) -> output model under its wire name.

    A `public` one needs no caller; one that `counts_itself` has the rate limit in its own statement.
    """

    name: str
    public: bool
    counts_itself: bool
    input: type[Wire]
    output: type[Wire]
    run: Callable[[Context, Any], Awaitable[Wire]]
    summary: str

    @property
    def parameters(self) -> list[str]:
        """The wire names of the input's members, in order: what positional parameters mean."""
        return [field.alias or name for name, field in self.input.model_fields.items()]


def procedure(
    name: str, *, public: bool = False, counts_itself: bool = False
) -> Callable[[Callable[[Context, Input], Awaitable[Output]]], Procedure]:
    """Make a function callable as `name`; the models come from its annotations, the summary from its docstring."""

    def declare(function: Callable[[Context, Input], Awaitable[Output]]) -> Procedure:
        hints = get_type_hints(function)
        context, params = inspect.signature(function).parameters
        assert hints[context] is Context
        return Procedure(
            name=name,
            public=public,
            counts_itself=counts_itself,
            input=hints[params],
            output=hints["return"],
            run=function,
            summary=inspect.getdoc(function) or "",
        )

    return declare
