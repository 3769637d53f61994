"""Procedures that need neither database nor storage, a client of an application made of them, and settled replies."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import httpx
from pydantic import StrictInt

from contracts.errors import ErrorCode, MediaNotFound, RateLimitExceeded, RpcError, StorageLimitExceeded
from contracts.wire import Event, NoInput, Wire
from rpc.app import AppConfig, create_app
from rpc.auth import AuthConfig
from rpc.context import Context, Resources
from rpc.limits import RateLimits
from rpc.procedure import Procedure, mutation, query, subscription
from server.resources import ceilings_of
from server.settings import Settings
from sql.database import Database
from sql.pool import create_pool
from tests.on_a_socket import free_listener, served_on

UNUSED = cast(
    "Resources",
    SimpleNamespace(
        db=Database(create_pool("", size=1)), limits=RateLimits(), introspection=None, ceilings=ceilings_of(Settings())
    ),
)
HANG_SECONDS = 30


class Subtract(Wire):
    minuend: StrictInt
    subtrahend: StrictInt


class Three(Wire):
    a: StrictInt
    b: StrictInt
    c: StrictInt


class Five(Wire):
    v1: StrictInt
    v2: StrictInt
    v3: StrictInt
    v4: StrictInt
    v5: StrictInt


class One(Wire):
    value: StrictInt


class Number(Wire):
    value: int


class Values(Wire):
    values: list[str | int]


class Null(Wire):
    value: None = None


class Text(Wire):
    value: str


class Identity(Wire):
    id: str
    plan: str | None
    scopes: list[str]


class Wait(Wire):
    seconds: StrictInt


class CodeNumber(Wire):
    code: StrictInt


@query("subtract", public=True)
async def subtract(_ctx: Context, params: Subtract) -> Number:
    return Number(value=params.minuend - params.subtrahend)


@query("sum", public=True)
async def add(_ctx: Context, params: Three) -> Number:
    return Number(value=params.a + params.b + params.c)


@query("get_data", public=True)
async def get_data(_ctx: Context, _params: NoInput) -> Values:
    return Values(values=["hello", 5])


@query("nothing", public=True)
async def nothing(_ctx: Context, _params: NoInput) -> Null:
    return Null()


@query("boom", public=True)
async def boom(_ctx: Context, _params: NoInput) -> Null:
    raise RuntimeError("secret")


@query("boom.chained", public=True)
async def boom_chained(_ctx: Context, _params: NoInput) -> Null:
    try:
        int("inner secret")
    except ValueError as inner:
        raise RuntimeError("secret") from inner
    return Null()


@query("no_model", public=True)
async def no_model(_ctx: Context, _params: NoInput) -> Null:
    return cast("Null", "secret")


@query("surrogate", public=True)
async def surrogate(_ctx: Context, _params: NoInput) -> Text:
    """Answer a string that no UTF-8 can write."""
    return Text(value="\ud800")


@query("over_quota", public=True)
async def over_quota(_ctx: Context, _params: NoInput) -> Null:
    raise StorageLimitExceeded(used=1, reserved=2, quota=3, available=0, required=4)


@query("fail", public=True)
async def fail(_ctx: Context, params: CodeNumber) -> Null:
    """Fail with any code of the error table."""
    codes = {int(code): code for code in ErrorCode}
    raise type("Told", (RpcError,), {"code": codes[params.code]})


@query("limited", public=True)
async def limited(_ctx: Context, params: Wait) -> Null:
    raise RateLimitExceeded(retry_after=params.seconds)


@query("whoami")
async def whoami(ctx: Context, _params: NoInput) -> Identity:
    return Identity(id=ctx.caller.id, plan=ctx.caller.plan, scopes=sorted(ctx.caller.scopes))


SAMPLES = (
    *(subtract, add, get_data, nothing, whoami),
    *(boom, boom_chained, no_model, surrogate, over_quota, limited, fail),
)


def recorders(ran: list[Any]) -> tuple[Procedure, ...]:
    """`update` and `notify_hello`, which leave what they were given in `ran`."""

    @mutation("update", public=True)
    async def update(_ctx: Context, params: Five) -> Null:
        ran.append([params.v1, params.v2, params.v3, params.v4, params.v5])
        return Null()

    @mutation("notify_hello", public=True)
    async def notify_hello(_ctx: Context, params: One) -> Null:
        ran.append(params.value)
        return Null()

    return update, notify_hello


def signals() -> tuple[Procedure, ...]:
    """`wait`, which ends only when `signal` has run while it waits."""
    signalled = asyncio.Event()

    @query("wait", public=True)
    async def wait(_ctx: Context, _params: NoInput) -> Text:
        async with asyncio.timeout(HANG_SECONDS):
            await signalled.wait()
        return Text(value="waited")

    @query("signal", public=True)
    async def signal(_ctx: Context, _params: NoInput) -> Text:
        signalled.set()
        return Text(value="signalled")

    return wait, signal


class From(Wire):
    last_event_id: str | None = None
    up_to: StrictInt = 3
    then: str | None = None


class Counted(Event):
    count: int


@subscription("count", public=True)
async def count(_ctx: Context, params: From) -> AsyncIterator[Counted | None]:
    """Count up to a number, from after the last one seen; then end, fail, or wait for ever."""
    if params.last_event_id is not None and not params.last_event_id.isdecimal():
        raise MediaNotFound
    for number in range(int(params.last_event_id or 0) + 1, params.up_to + 1):
        yield Counted(id=str(number), count=number)
    match params.then:
        case "fail":
            raise RuntimeError("secret")
        case "ping":
            yield None
        case "wait":
            await asyncio.sleep(HANG_SECONDS)


@subscription("mine")
async def mine(ctx: Context, _params: From) -> AsyncIterator[Counted | None]:
    yield Counted(id=ctx.caller.id, count=1)


SUBSCRIPTIONS = (count, mine)


@asynccontextmanager
async def listening(
    procedures: Iterable[Procedure], *, resources: Resources = UNUSED, config: AppConfig | None = None
) -> AsyncIterator[str]:
    """The URL of a server of these procedures that really listens, so that answers come as they are written."""
    app = create_app(resources, procedures, config or AppConfig(auth=AuthConfig()))
    async with served_on(free_listener(), app) as origin:
        yield origin


@asynccontextmanager
async def serving(
    procedures: Iterable[Procedure] = SAMPLES,
    *,
    resources: Resources = UNUSED,
    config: AppConfig | None = None,
    **options: Any,
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application made of these procedures."""
    told = config or AppConfig(auth=options.pop("auth", AuthConfig()), **options)
    transport = httpx.ASGITransport(create_app(resources, procedures, told), raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://media.test") as client:
        yield client


async def post(client: httpx.AsyncClient, body: Any, **headers: str) -> httpx.Response:
    """Send text or bytes as they are."""
    return await client.post("/rpc", content=body, headers={"content-type": "application/json", **headers})


def settled(document: Any) -> Any:
    """The same document with "<id>" for each well-formed request id and "<now>" for each timestamp of this hour."""
    if isinstance(document, list):
        return [settled(member) for member in document]
    if not isinstance(document, dict):
        return document
    return {name: _settled(name, value) for name, value in document.items()}


def _settled(name: str, value: Any) -> Any:
    if name == "requestId" and re.fullmatch(r"req_\d{13}_[0-9a-f]{9}", str(value)):
        return "<id>"
    if name == "timestamp" and isinstance(value, int) and abs(value / 1000 - time.time()) < 3600:
        return "<now>"
    return settled(value)
