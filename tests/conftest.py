"""Fixtures over real servers: a database and buckets per test, and calls to what works with them."""

import gc
import os
import signal
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.wire import NoInput
from procedures import PROCEDURES
from rpc.app import create_app
from rpc.auth import Caller
from rpc.context import Context, Resources
from rpc.dispatch import context_of, validate
from server.resources import app_config, open_resources
from server.settings import Settings
from server.token import sign_token
from sql import pool
from storage import s3
from tests.databases import create_template, drop_unused, new_database
from tests.deployment import Deployment, deployed, new_settings, variables_of
from tests.node import node_with_packages
from tests.processes import TLS
from tests.services import Servers, Store, shared_client, start_servers
from tests.web_app import WebApp, make_web_app, tarball_of

pytest_plugins = [
    "tests.browsers",
    "tests.made_media",
    "tests.rendered",
    "tests.sampling",
    "tests.stored",
    "tests.timing",
]

# They run a thousand times what other tests run as well; to count its lines would double their time.
NOT_COUNTED = (
    "test_auth_matrix",
    "test_crashes",
    "test_fuzz",
    "test_lifecycle",
    "test_outages",
    "test_races",
    "test_repetition",
)

_stack = pytest.StashKey[ExitStack]()


def pytest_itemcollected(item: pytest.Item) -> None:
    """With --cov, leave out those that add nothing to it."""
    if item.path.stem.startswith(NOT_COUNTED):
        item.add_marker(pytest.mark.no_cover)


def pytest_configure(config: pytest.Config) -> None:
    """Start the servers once, in the process that starts the workers.

    A shell has what it starts in the background ignore Ctrl-C, and the commands that tests start would inherit that.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(config, "workerinput") or config.option.collectonly or config.option.help:
        return
    with ExitStack() as stack:
        servers = start_servers(stack)
        create_template(servers)
        servers.hand_on()
        config.stash[_stack] = stack.pop_all()


def pytest_xdist_auto_num_workers() -> int:
    """Two for each core: half of what a test lasts it waits, for processes that start and for what does not answer."""
    return 2 * (os.cpu_count() or 1)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Have a worker count once.

    pytest-cov has begun before it knows that this is one, begins again, and would go back to the first for `no_cover`.
    """
    begun = getattr(session.config.pluginmanager.getplugin("_cov"), "cov_controller", None)
    if begun is not None and hasattr(session.config, "workerinput"):
        begun.cov.stop()


def pytest_collection_finish() -> None:
    """Spare the garbage collector what lives as long as the process."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure(config: pytest.Config) -> None:
    stack = config.stash.get(_stack, None)
    if stack is not None:
        stack.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """With REQUIRE_SERVICES=1 nothing may be skipped."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("REQUIRE_SERVICES") == "1":
        report.outcome = "failed"
        report.longrepr = f"REQUIRE_SERVICES=1 allows no skip: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    told = Servers.handed_on()
    yield told
    drop_unused(told)


@pytest.fixture
def database_url(servers: Servers) -> Iterator[str]:
    """A migrated database of the test's own. After every test, each owner's usage is the sum over the owner's rows."""
    with new_database(servers) as url:
        yield url


@pytest.fixture
def store_server(servers: Servers) -> Store:
    """The S3 server of the test."""
    return servers.stores[0]


@pytest.fixture
def settings(database_url: str, store_server: Store) -> Settings:
    """Settings over the test's own database and buckets."""
    return new_settings(database_url, store_server)


@pytest.fixture
def configured(settings) -> dict[str, str]:
    """The variables that name the test's database, store and secret, and a free port."""
    return variables_of(settings)


@pytest.fixture(scope="session")
def deployment(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A server and a worker that many tests call, each as users of its own."""
    with deployed(servers, tmp_path_factory.mktemp("deployment")) as made:
        yield made


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that every user can reach: a decoder may be one of its own."""
    with tempfile.TemporaryDirectory(prefix="mediarpc-reachable-") as name:
        folder = Path(name).resolve()
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def user() -> str:
    """Somebody whom no other test knows."""
    return f"user-{uuid.uuid4().hex}"


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls at once may wait long for a connection: a busy machine is no outage."""
    monkeypatch.setattr(pool, "CHECKOUT_TIMEOUT_SECONDS", 60.0)


@pytest.fixture
async def resources(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Resources]:
    monkeypatch.setattr(s3, "create_client", shared_client)
    async with open_resources(settings) as opened:
        await opened.store.create_buckets()
        yield opened


def client_of(resources: Resources, settings: Settings) -> httpx.AsyncClient:
    """A client of the application, without a socket in between."""
    app = create_app(resources, PROCEDURES, app_config(settings))
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    return httpx.AsyncClient(transport=transport, base_url="http://media.test")


@pytest.fixture
async def http(resources: Resources, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the test's application."""
    async with client_of(resources, settings) as client:
        yield client


@pytest.fixture
def bearer(settings: Settings) -> Callable[..., dict[str, str]]:
    """The headers of a user's call."""

    def headers(user: str = "ada", **claims: Any) -> dict[str, str]:
        return {"authorization": f"Bearer {sign_token(settings, user=user, **claims)}"}

    return headers


@pytest.fixture
def rpc(http: httpx.AsyncClient, bearer: Callable[..., dict[str, str]]) -> Callable[..., Awaitable[Any]]:
    """Call a procedure over JSON-RPC; the whole response document."""
    return rpc_over(http, bearer)


def rpc_over(http: httpx.AsyncClient, bearer: Callable[..., dict[str, str]]) -> Callable[..., Awaitable[Any]]:
    """Calls over JSON-RPC through a client; each answers the whole response document."""

    async def send(method: str, user: str = "ada", /, **params: Any) -> Any:
        document = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = await http.post("/rpc", json=document, headers=bearer(user))
        assert answer.status_code == 200
        return answer.json()

    return send


@pytest.fixture
def ada() -> Caller:
    """A user on the free plan."""
    return Caller("ada")


Call = Callable[..., Awaitable[Any]]


@pytest.fixture
def context(resources: Resources) -> Callable[..., Context]:
    """The context of a call of a procedure without input, with other resources where they are named."""
    table = {procedure.name: procedure for procedure in PROCEDURES}

    def make(name: str, caller: Caller | None, **different: Any) -> Context:
        used = replace(resources, **different)
        return context_of(used, table[name], NoInput(), caller=caller, request_id="req_test", now=datetime.now(UTC))

    return make


@pytest.fixture
def call(resources: Resources, ada: Caller) -> Call:
    """Call a procedure directly, as ada unless told otherwise, now unless told otherwise; the output model."""
    table = {procedure.name: procedure for procedure in PROCEDURES}

    async def run(name: str, *, caller: Caller | None = ada, now: datetime | None = None, **params: Any) -> Any:
        procedure = table[name]
        told = validate(procedure, params)
        context = context_of(
            resources, procedure, told, caller=caller, request_id="req_test", now=now or datetime.now(UTC)
        )
        return await procedure.run(context, told)

    return run


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client of the world outside: of signed URLs."""
    async with httpx.AsyncClient(timeout=30, verify=TLS) as outside:
        yield outside


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The one folder of all worker processes of the run."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


@pytest.fixture(scope="session")
def web_app(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> WebApp:
    """A project in which the npm package is installed, which one process packs for all."""
    node = node_with_packages()
    with (run_folder / "package.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        tarball = tarball_of(node, run_folder / "package")
    return make_web_app(node, tarball, tmp_path_factory.mktemp("web"))
