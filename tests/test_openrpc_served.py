"""How the OpenRPC document is handed out: by the command line, by GET, by `rpc.discover`."""

import json
import re
import subprocess
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from procedures import PROCEDURES
from tests.described import Described
from tests.processes import MEDIARPC, environment, mediarpc
from tests.sample_procedures import serving

DOCUMENT = Described.of(*PROCEDURES).document


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
    assert answer.json() == DOCUMENT


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
    assert (answer.status_code, answer.json()) == (200, DOCUMENT)


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
