"""Processes that end in the middle of their work: `python -m tests.crashes.crashing FOLDER`, which the tests start.

It reads orders from its input, one JSON object a line, and forks a process for each, so that imports are paid once.
The fork opens the real resources, runs the operation, and ends by `os._exit` before or after its n-th call to database
or request to the store. For each order one line comes back: how the fork ended, and the call at which it crashed, or
how many it made when it got through. What children made of files is kept in the folder.
"""

import asyncio
import contextlib
import json
import os
import sys
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from contracts.errors import RpcError, ServiceOnly
from contracts.plans import Plan
from jobs.job import JobContext
from jobs.sweep import sweep
from jobs.worker import open_queue
from procedures import PROCEDURES
from rpc.auth import Caller
from rpc.content import Content
from rpc.context import Resources
from rpc.dispatch import context_of, validate
from server.resources import open_resources
from server.settings import Settings
from sql.database import Database, Transaction
from storage.s3 import ObjectStore, StoreConfig, create_client
from tests.callers import SERVICE
from tests.due_jobs import run_due_jobs
from tests.rendered import Rendered

DONE, FAILED, CRASHED = 0, 1, 70
CHUNK_BYTES = 64 * 1024
ADA = Caller("ada", Plan.PRO)
OF_SERVICES = {procedure.name for procedure in PROCEDURES if ServiceOnly in procedure.raises}
VERBS = {"one": 2, "many": 2, "run": 1}  # at which place the query's name is

When = Literal["before", "after"]
Verb = Callable[..., Awaitable[Any]]


@dataclass
class Crash:
    """The end of this process, before or after the n-th call that is counted here, or the first of a name."""

    n: int | str
    when: When
    report: int
    calls: int = 0

    def enter(self, name: str) -> int:
        """Count a call that begins; its number."""
        self.calls += 1
        self._end("before", self.calls, name)
        return self.calls

    def leave(self, number: int, name: str) -> None:
        """A call has ended."""
        self._end("after", number, name)

    def around(self, kind: str, function: Verb, place: int) -> Verb:
        """The function as a counted call, named by its argument at `place`."""

        async def counted(*args: Any, **kwargs: Any) -> Any:
            name = f"{kind} {args[place]}"
            number = self.enter(name)
            answer = await function(*args, **kwargs)
            self.leave(number, name)
            return answer

        return counted

    def _end(self, when: When, number: int, name: str) -> None:
        if when == self.when and self.n in {number, name}:
            os.write(self.report, name.encode())
            os._exit(CRASHED)


def crash_in_store(store: ObjectStore, crash: Crash) -> None:
    """Count every request to the store, of which one call may make several."""

    def begin(model: Any, context: dict[str, Any], **_: Any) -> None:
        context["crash"] = crash.enter(f"store {model.name}")

    def end(model: Any, context: dict[str, Any], **_: Any) -> None:
        crash.leave(context["crash"], f"store {model.name}")

    store._client.meta.events.register("before-call.s3", begin)
    store._client.meta.events.register("after-call.s3", end)


def crash_in_database(crash: Crash) -> None:
    """Count every statement, begin and commit, of calls whose rate is limited too."""
    for kind, way in (("database", Database), ("transaction", Transaction)):
        for verb, place in VERBS.items():
            setattr(way, verb, crash.around(kind, getattr(way, verb), place))
    setattr(Database, "shared", crash.around("database", Database.shared, 2))  # noqa: B010 - mypy knows it as a method
    setattr(Database, "transaction", _crashing_transaction(Database.transaction, crash))  # noqa: B010


def _crashing_transaction(
    begin: Callable[[Database], AbstractAsyncContextManager[Transaction]], crash: Crash
) -> Callable[[Database], AbstractAsyncContextManager[Transaction]]:
    @asynccontextmanager
    async def transaction(db: Database) -> AsyncIterator[Transaction]:
        number = crash.enter("database begin")
        async with begin(db) as tx:
            crash.leave(number, "database begin")
            yield tx
            number = crash.enter("database commit")
        crash.leave(number, "database commit")

    return transaction


async def work(order: dict[str, Any], crash: Crash) -> None:
    """Do what is ordered, with resources in which calls are counted."""
    settings = Settings.from_environment(order["environment"])
    now = datetime.fromisoformat(order["now"]) if order["now"] else datetime.now(UTC)
    async with open_resources(settings) as resources:
        await resources.db.pool.wait()
        crash_in_store(resources.store, crash)
        crash_in_database(crash)
        if order["operation"] == "sweep":
            await sweep(resources.db, now)
        elif order["operation"] == "jobs":
            async with open_queue(resources.db.pool):
                await run_due_jobs(lambda: JobContext(db=resources.db, store=resources.store, now=now))
        else:
            await call(resources, order["operation"], order["params"], now, order.get("content"))


async def call(resources: Resources, name: str, params: dict[str, Any], now: datetime, content: str | None) -> None:
    """Call a procedure as ada, who has room, or as a service, with the content of a file when one is named."""
    procedure = next(procedure for procedure in PROCEDURES if procedure.name == name)
    told = validate(procedure, params)
    caller = SERVICE if name in OF_SERVICES else ADA
    context = context_of(resources, procedure, told, caller=caller, request_id="req_test", now=now)
    await procedure.run(context, told, *brought(content))


def brought(content: str | None) -> tuple[Content, ...]:
    """What a call brings beside its input."""
    return () if content is None else (Content(chunks(Path(content).read_bytes())),)


async def chunks(body: bytes) -> AsyncIterator[bytes]:
    """A body as it arrives: in pieces."""
    for start in range(0, len(body), CHUNK_BYTES):
        yield body[start : start + CHUNK_BYTES]


def forked(order: dict[str, Any]) -> dict[str, Any]:
    """Carry an order out in a fork; how it ended, and where it crashed."""
    reading, report = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        end, crash = FAILED, Crash(order["n"], order["when"], report)
        try:
            with contextlib.suppress(RpcError):  # an answer as well
                asyncio.run(work(order, crash))
            os.write(report, str(crash.calls).encode())
            end = DONE
        except BaseException as error:  # noqa: BLE001 - a fork must not go on as its parent
            os.write(report, repr(error).encode())
            traceback.print_exc()
        finally:
            os._exit(end)
    os.close(report)
    with os.fdopen(reading, "rb") as told:
        name = told.read().decode()
    return {"end": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), "call": name}


def main() -> None:
    """Carry out orders until there are no more; what is logged meanwhile goes where errors go."""
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        for line in sys.stdin:
            print(json.dumps(forked(json.loads(line))), file=answers, flush=True)


def warm_up() -> None:
    """Let boto3 read its service descriptions once, for all forks."""
    create_client(
        StoreConfig(
            endpoint="http://127.0.0.1:1",
            public_endpoint=None,
            region="us-east-1",
            bucket="unused",
            public_bucket="unused",
            access_key_id="unused",
            secret_access_key="unused",
            use_path_style=True,
        ),
        "http://127.0.0.1:1",
    ).close()


if __name__ == "__main__":
    warm_up()
    Rendered(Path(sys.argv[1])).install()
    main()
