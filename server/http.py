"""Listen and serve until told to stop."""

import asyncio
import contextlib
import faulthandler
import gc
import resource
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import partial
from typing import Any

import uvicorn
import uvloop
from starlette.types import ASGIApp

from processing.sandbox.prctl import hide_memory
from server.commands import CommandError
from server.connections import Connection, ConnectionLimits, watch

DRAIN_SECONDS = 10
CLOSING_SECONDS = 8  # how long a process may take to close what it works with, once its time to drain is over
MAX_FILES = 65_536
# The event loop accepts one connection of a listening socket in each of its iterations. In a flood of them a new one
# would wait for hundreds of iterations, so the loop polls as many duplicates of the socket.
ACCEPTED_AT_ONCE = 32
GC_THRESHOLDS = (100_000, 50, 100)  # sixteen batches of fifty calls have some 20,000 objects in hand
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class AddressTaken(CommandError):
    """Another program listens on the address."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on the address; AddressTaken with a sentence when it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named by its protocol, so that the event loop turns Nagle's algorithm off: it would hold small answers back.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise AddressTaken(
            f"Port {port} on {host} cannot be listened on ({error.strerror}). "
            "Stop what runs there, or set PORT to a free one."
        ) from None
    return listener


class _Server(uvicorn.Server):
    """Leaves signals to `stop_on_signals`, and tells the date from the first answer on."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await self.on_tick(0)
        await super().startup(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _silent() -> None:
    return


async def serve_http(
    app: ASGIApp, listener: socket.socket, limits: ConnectionLimits, *, before_draining: Callable[[], None] = _silent
) -> None:
    """Serve within these limits of connections until cancelled; requests under way are given `DRAIN_SECONDS`."""
    server = _Server(
        uvicorn.Config(
            app,
            http=partial(Connection, limits),  # type: ignore[arg-type] # it is called as a class is
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
    )
    listeners = [listener, *(listener.dup() for _ in range(ACCEPTED_AT_ONCE - 1))]
    serving = asyncio.create_task(server.serve(sockets=listeners))
    watching = asyncio.create_task(watch(server.server_state.connections))
    try:
        await asyncio.shield(serving)
    finally:
        server.should_exit = True
        before_draining()
        await serving
        watching.cancel()


@contextlib.asynccontextmanager
async def stop_on_signals() -> AsyncIterator[asyncio.Event]:
    """An event that Ctrl-C, SIGTERM and a closed terminal set; a signal that nohup ignores stays ignored."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    numbers = [number for number in STOP_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    for number in numbers:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def open_many_files() -> None:
    """Raise the limit of open files, one for each connection, as far as this process may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def run(service: Coroutine[Any, Any, None]) -> None:
    """Run a process's whole asynchronous life on the fast event loop; its secrets are its own."""
    hide_memory()
    open_many_files()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(service)


def collect_rarely() -> None:
    """What start-up made stays, and what a call makes goes with its references: the collector need not look often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


async def run_until_stopped(
    *services: Coroutine[Any, Any, None], ready: Callable[[], None] = _silent, ends_within: float | None = None
) -> None:
    """Run services side by side until Ctrl-C or SIGTERM; then end each in its own good order.

    `ready` may tell the world: from then on a signal ends the services, and not the process under them. A process that
    has not ended `ends_within` seconds after the signal says on stderr where it hangs, and exits with status 1.
    """
    async with stop_on_signals() as stop, asyncio.TaskGroup() as group:
        collect_rarely()
        ready()
        tasks = [group.create_task(service) for service in services]
        await stop.wait()
        if ends_within is not None:
            faulthandler.dump_traceback_later(ends_within, exit=True)
        for task in tasks:
            task.cancel()
