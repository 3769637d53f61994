"""The npm package's uploader while nothing can go: what it waits for, how long, and what it tells meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests import media_files
from tests.deployment import Deployment
from tests.faults import Cut, Proxy, proxy_of
from tests.processes import Running, Site, until
from tests.proxied import served_behind
from tests.test_uploader_parts import PART, SHORT_VIDEO, said, told

VIDEO = media_files.video()
COMPLETE, SIGN = "media.completeUpload", "media.signParts"
IN_PARTS = {"multipartThreshold": PART, "partSize": PART, "parallel": 1}

FULL = {
    "code": 1500,
    "message": "Rate limit exceeded",
    "data": {"rpcCode": 1500, "requestId": "req_1", "details": {"retryAfter": 50}},
}


@pytest.fixture(scope="session")
def program(web_app):
    """The compiled program."""
    assert web_app.compile("large.ts", types=["node"]) == ""
    return web_app


@pytest.fixture
def client(program, tmp_path):
    """An uploader in a process of its own; what it says is on its log."""

    @contextmanager
    def start(url: str, token: str, body: bytes = VIDEO, *, abort: bool = False, **uploader: Any) -> Iterator[Running]:
        path = tmp_path / "film"
        path.write_bytes(body)
        order = {"url": url, "token": token, "retrySeconds": 60, **uploader}
        with program.start("large.js", uploader=order, path=str(path), abortWaiting=abort) as started:
            yield started

    return start


@pytest.fixture
def proxy(settings, store_server) -> Iterator[Proxy]:
    """What stands between the uploader and both servers."""
    with proxy_of("", store_server.endpoint) as made:
        yield made


@pytest.fixture
def site(resources, configured, proxy) -> Iterator[Site]:
    """A running server behind the proxy, which takes one upload in four seconds."""
    with served_behind(proxy, configured, RATE_LIMITS="media.initiateUpload=1/4") as served:
        yield served


@pytest.fixture
def site_of_user(deployment: Deployment, user: str) -> Site:
    """The server that stays, as the user calls it."""
    return deployment.site(user)


def waits(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What was told of waiting."""
    return [line for line in lines if "wait" in line]


def test_room_under_a_rate_limit_is_waited_for_and_told(client, site, proxy):
    """Once, with about the seconds that the server asks for, before anything is told to have gone."""
    site.rpc("media.initiateUpload", filename="a.jpg", contentType="image/jpeg", size=1)

    with client(f"{proxy.origin}/rpc", site.token) as started:
        assert started.process.wait(60) == 0
        lines = said(started)

    assert "media" in lines[-1]
    (wait,) = waits(lines)
    assert (wait["wait"], lines.index(wait)) == ("rateLimit", 0)
    assert 1 <= wait["seconds"] <= 6


def test_who_gives_up_does_not_wait(client, site, proxy):
    """Not even for the rest of the seconds that the server asked for."""
    proxy.faults = {"media.initiateUpload": [FULL]}

    with client(f"{proxy.origin}/rpc", site.token, abort=True) as started:
        assert started.process.wait(30) == 0
        lines = said(started)

    assert waits(lines)[0]["seconds"] >= 50
    assert lines[-1]["error"]["name"] == "AbortError"


def test_an_upload_outlasts_a_server_that_is_away(client, deployment, site_of_user):
    """It was begun with the server, which then is down for some seconds: the uploader waits, and goes on by itself."""
    with deployment.another_server() as first:
        port = first.origin.rpartition(":")[2]
        first.running.stop()
        with client(first.url, site_of_user.token) as started:
            until(lambda: len(waits(said(started))) > 5)
            with deployment.another_server(PORT=port):
                assert started.process.wait(60) == 0
                lines = said(started)

    assert "media" in lines[-1], lines[-1]
    assert {wait["wait"] for wait in waits(lines)} == {"outage"}
    assert len(waits(lines)) < 20


@pytest.mark.parametrize(
    ("body", "uploader", "name"),
    [(VIDEO, {}, "PUT"), (VIDEO, {}, COMPLETE), (SHORT_VIDEO, IN_PARTS, "PUT"), (SHORT_VIDEO, IN_PARTS, SIGN)],
    ids=["one PUT", "its completion", "parts", "their signatures"],
)
def test_every_step_outlasts_more_than_five_failures(client, site, proxy, body, uploader, name):
    """Storage's refusals as well as the server's."""
    proxy.faults = {name: [Cut.BEFORE, 503] * 3}

    with client(f"{proxy.origin}/rpc", site.token, body, **uploader) as started:
        assert started.process.wait(120) == 0
        lines = said(started)

    assert lines[-1]["media"]["size"] == len(body)
    assert [wait["wait"] for wait in waits(lines)] == ["outage"] * 6
    assert proxy.faults == {name: []}


def test_a_server_that_never_comes_back_is_given_up_in_time(client, site, proxy):
    """With the error of the last try, though each step was waited for."""
    proxy.faults = {COMPLETE: [Cut.BEFORE] * 99}

    with client(f"{proxy.origin}/rpc", site.token, retrySeconds=3) as started:
        assert started.process.wait(20) == 0
        lines = said(started)

    assert told(lines, "error") == [{"name": "MediaTransportError", "message": "The server cannot be reached"}]
    assert all(wait["seconds"] <= 3 for wait in waits(lines))
