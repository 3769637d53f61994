"""How long calls hold the event loop: the processor's time that the application takes between two waits.

It is the thread's own time, so that a busy machine makes no step longer.
"""

import gc
import time
import types
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.applications import Starlette

from rpc.dispatch import Dispatcher
from server.http import collect_rarely

MOST_SECONDS = 0.05

_called: ContextVar[str] = ContextVar("called", default="-")


@dataclass
class Steps:
    """The longest step of each call that was made, in seconds."""

    longest: dict[str, float] = field(default_factory=dict)

    @property
    def too_long(self) -> dict[str, float]:
        """The calls that held everybody up."""
        return {name: seconds for name, seconds in self.longest.items() if seconds > MOST_SECONDS}

    def timed(self, run: Callable[..., Awaitable[Any]], name_of: Callable[..., str]) -> Callable[..., Any]:
        """The same function, whose steps are timed; `name_of` its arguments names the call."""

        def start(*arguments: Any) -> Any:
            return self._drive(run(*arguments).__await__(), name_of(*arguments))

        return start

    @types.coroutine
    def _drive(self, steps: Generator[Any, Any, Any], name: str) -> Generator[Any, Any, Any]:
        send, value = steps.send, None
        while True:
            _called.set(name)
            began = time.thread_time()
            try:
                waits_for = send(value)
            except StopIteration as end:
                return end.value
            finally:
                self._note(_called.get(), time.thread_time() - began)
            try:
                send, value = steps.send, (yield waits_for)
            except BaseException as error:  # noqa: BLE001 - it is for the step to take
                send, value = steps.throw, error

    def _note(self, name: str, seconds: float) -> None:
        self.longest[name] = max(seconds, self.longest.get(name, 0.0))


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[Steps]:
    """Time the steps of every call to the test's application; in the end none of them was too long."""
    steps, thresholds = Steps(), gc.get_threshold()
    collect_rarely()  # as a server does
    monkeypatch.setattr(Starlette, "__call__", steps.timed(Starlette.__call__, lambda _app, scope, *_: scope["path"]))
    monkeypatch.setattr(Dispatcher, "dispatch", steps.timed(Dispatcher.dispatch, lambda _dispatcher, call: call.name))
    yield steps
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    assert steps.longest
    assert steps.too_long == {}
