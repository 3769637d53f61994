"""How the OpenRPC document is handed out: by the command line, by GET, by `rpc.discover`."""

import json
import re
import subprocess
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from procedures import PROCEDURES
from rpc.app import AppConfig
from rpc.auth import AuthConfig
from tests.described import Described
from tests.processes import MEDIARPC, TLS, environment, mediarpc
from tests.sample_procedures import listening, serving

DOCUMENT = Described.of(*PROCEDURES).document


def at(url: str) -> dict[str, Any]:
    """The document as it names an endpoint."""
    return {**DOCUMENT, "servers": [{"name": "mediarpc", "url": url}]}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, without the servers behind it."""
    async with serving(PROCEDURES) as client:
        yield client


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_command_prints_the_same_document_every_time(seed):
    """In any process, without any setting."""
    printed = mediarpc("openrpc", PYTHONHASHSEED=seed)
    assert (printed.returncode, printed.stderr) == (0, "")
    assert printed.stdout == json.dumps(DOCUMENT, indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({}, "http://127.0.0.1:8000/rpc"),
        ({"HOST": "::", "PORT": "8080", "RPC_PATH": "/api/rpc"}, "http://[::1]:8080/api/rpc"),
        ({"SERVER_URL": "https://media.example.com/"}, "https://media.example.com/rpc"),
    ],
)
def test_the_command_names_the_endpoint_of_the_settings(variables: dict[str, str], url: str):
    """Without SERVER_URL it is where this machine would reach the server."""
    assert json.loads(mediarpc("openrpc", **variables).stdout) == at(url)


@pytest.mark.parametrize(
    ("asked", "url"),
    [
        ("http://media.test/openrpc.json", "http://media.test/rpc"),
        ("https://media.example.com:8443/openrpc.json", "https://media.example.com:8443/rpc"),
        ("http://[::1]:8000/openrpc.json", "http://[::1]:8000/rpc"),
    ],
)
async def test_the_document_names_the_address_by_which_it_was_asked_for(client: httpx.AsyncClient, asked, url):
    """Two hosts have two documents, each with a tag of its own."""
    answer = await client.get(asked)
    other = await client.get("http://other.test/openrpc.json")
    assert answer.json()["servers"] == [{"name": "mediarpc", "url": url}]
    assert answer.headers["etag"] != other.headers["etag"]


@pytest.mark.parametrize("host", ["a b", "user@evil.example", "evil.example/path", '"><script>', "a:port"])
async def test_a_host_that_is_none_is_not_named(host: str):
    """What stands in the header comes out only where it is a host."""
    async with listening(PROCEDURES) as origin, httpx.AsyncClient(verify=TLS) as client:
        answer = await client.get(f"{origin}/openrpc.json", headers={"host": host})
    assert answer.json()["servers"] == [{"name": "mediarpc", "url": f"{origin}/rpc"}]


async def test_the_settings_name_the_address_before_the_request_does():
    """Behind a proxy only they know it."""
    config = AppConfig(auth=AuthConfig(), server_url="https://media.example.com", rpc_path="/api/rpc")
    async with serving(PROCEDURES, config=config) as client:
        served = (await client.get("/openrpc.json")).json()
        discovered = await client.post("/api/rpc", json={"jsonrpc": "2.0", "id": 1, "method": "rpc.discover"})
    assert served == discovered.json()["result"] == at("https://media.example.com/api/rpc")


def test_a_reader_of_the_command_may_stop_early():
    """As `head` does, which hangs up once it has its bytes."""
    with subprocess.Popen(
        [MEDIARPC, "openrpc"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    ) as printing:
        assert printing.stdout
        assert printing.stderr
        assert printing.stdout.read(1) == b"{"
        printing.stdout.close()
        assert (printing.stderr.read(), printing.wait(30)) == (b"", 0)


async def test_the_document_is_read_without_a_caller(client: httpx.AsyncClient):
    """`GET /openrpc.json` answers it to everybody."""
    answer = await client.get("/openrpc.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.json() == at("http://media.test/rpc")


@pytest.mark.parametrize("known", ["{}", "W/{}", '"another", {}', "*"])
async def test_a_known_document_is_not_sent_again(client: httpx.AsyncClient, known: str):
    """Whoever names its tag gets 304 and no body."""
    etag = (await client.get("/openrpc.json")).headers["etag"]
    assert re.fullmatch(r'"[0-9a-f]{32}"', etag)
    answer = await client.get("/openrpc.json", headers={"if-none-match": known.format(etag)})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)


async def test_another_tag_gets_the_document(client: httpx.AsyncClient):
    """A document that was changed is sent."""
    answer = await client.get("/openrpc.json", headers={"if-none-match": '"another"'})
    assert (answer.status_code, answer.json()) == (200, at("http://media.test/rpc"))


async def test_the_document_is_only_read(client: httpx.AsyncClient):
    """HEAD has its headers, POST is refused."""
    head = await client.head("/openrpc.json")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == (await client.get("/openrpc.json")).headers["etag"]
    assert (await client.post("/openrpc.json")).status_code == 405


@pytest.mark.parametrize("params", [{}, {"params": {}}, {"params": []}], ids=["none", "object", "array"])
async def test_rpc_discover_answers_the_document(client: httpx.AsyncClient, params: dict[str, Any]):
    """The specification's own method needs no caller and takes no parameters."""
    answer = await client.post("/rpc", json={"jsonrpc": "2.0", "id": 1, "method": "rpc.discover", **params})
    assert answer.json() == {"jsonrpc": "2.0", "id": 1, "result": DOCUMENT}


async def test_rpc_discover_takes_no_parameters(client: httpx.AsyncClient):
    """Whatever else is sent is refused as any bad input is."""
    call = {"jsonrpc": "2.0", "id": 1, "method": "rpc.discover", "params": {"version": 1}}
    assert (await client.post("/rpc", json=call)).json()["error"]["code"] == -32602


@pytest.mark.parametrize("name", ["rpc.", "rpc.discovery", "rpc.Discover", "rpc"])
async def test_the_other_reserved_names_are_no_methods(client: httpx.AsyncClient, name: str):
    """Names that begin with `rpc.` are the specification's, and it has none of these."""
    answer = await client.post("/rpc", json={"jsonrpc": "2.0", "id": 1, "method": name})
    assert (answer.json()["error"]["code"], answer.json()["error"]["data"]["method"]) == (-32601, name)
