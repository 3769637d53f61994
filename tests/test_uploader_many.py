"""The npm package's uploader with many files at once: one call begins those that are there, and so many are sent."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests import media_files
from tests.faults import Cut, Proxy, proxy_of
from tests.processes import Site
from tests.proxied import served_behind

ONE, MANY, COMPLETE, CANCEL = (
    "media.initiateUpload",
    "media.initiateUploads",
    "media.completeUpload",
    "media.cancelUpload",
)
CEILING = 20_000
PHOTO = media_files.photo()


def full(seconds: int) -> Any:
    """That so long is to be waited for room under a limit."""
    data = {"rpcCode": 1500, "requestId": "req_1", "details": {"retryAfter": seconds}}
    return {"code": 1500, "message": "Rate limit exceeded", "data": data}


@pytest.fixture
def proxy(settings, store_server) -> Iterator[Proxy]:
    """What stands between the uploader and both servers."""
    with proxy_of("", store_server.endpoint) as made:
        yield made


@pytest.fixture
def variables() -> dict[str, str]:
    """What else the server is set to."""
    return {}


@pytest.fixture
def site(resources, configured, proxy, variables) -> Iterator[Site]:
    """A server that lets a caller begin uploads twice a minute, of small images."""
    told = {"RATE_LIMITS": f"{ONE}=2/60,{MANY}=2/60", "MAX_IMAGE_BYTES": str(CEILING), **variables}
    with served_behind(proxy, configured, **told) as served:
        yield served


@pytest.fixture(scope="session")
def program(web_app):
    """The compiled program, in Node.js."""
    assert web_app.compile("many.ts", types=["node"]) == ""
    return web_app


@pytest.fixture
def upload(program, site, proxy, tmp_path):
    """Upload files of these sizes at once through the proxy; what came of each."""

    def run(*sizes: int, **order):
        path = tmp_path / "photo"
        path.write_bytes(PHOTO)
        asked = {"url": f"{proxy.origin}/rpc", "token": site.token, "path": str(path), "sizes": sizes, **order}
        return program.answer("many.js", **asked)

    return run


def names_of(count: int) -> list[str]:
    return [f"{number}.jpg" for number in range(count)]


def test_twenty_four_photos_are_begun_by_one_call(upload, proxy):
    """So the limit of how often uploads are begun is met once, and nobody waits."""
    answered = upload(*[CEILING] * 24)

    assert (answered["outcomes"], answered["waits"]) == (names_of(24), [])
    assert [name for name in proxy.names if name in {ONE, MANY}] == [MANY]
    assert proxy.names.count("PUT") == proxy.names.count(COMPLETE) == 24


def test_more_than_one_call_may_begin_go_with_the_next(upload, proxy):
    answered = upload(*[CEILING] * 51)

    assert answered["outcomes"] == names_of(51)
    assert [name for name in proxy.names if name in {ONE, MANY}] == [MANY, ONE]


def test_so_many_files_are_sent_at_once(upload, proxy):
    """And all are begun before."""
    answered = upload(*[CEILING] * 8, limit=2)

    assert (answered["outcomes"], answered["most"]) == (names_of(8), 2)
    assert proxy.names[0] == MANY


@pytest.mark.parametrize("variables", [{"UPLOAD_URL_TTL_SECONDS": "1"}])
def test_what_was_begun_too_early_is_begun_anew_when_its_turn_comes(upload, proxy):
    """The server may have cleared it: here the file before takes longer than a URL lasts."""
    proxy.faults[COMPLETE] = [full(1)]

    answered = upload(CEILING, CEILING, limit=1)

    assert answered["outcomes"] == names_of(2)
    assert (proxy.names[0], proxy.names[-3:]) == (MANY, [ONE, "PUT", COMPLETE])


def test_a_file_that_is_refused_stops_no_other(upload, proxy):
    """Its error is the server's, with the id of the call."""
    answered = upload(CEILING, CEILING + 1, CEILING)

    assert answered["outcomes"] == ["0.jpg", "1602 req_", "2.jpg"]
    assert proxy.names.count("PUT") == 2


@pytest.mark.parametrize("variables", [{"RATE_LIMITS": ""}])
def test_input_that_is_refused_stops_no_other(upload, proxy):
    """Two files of another kind among six: each has the sentence that it has alone."""
    answered = upload(*[CEILING] * 6, types={1: "text/plain", 4: "application/zip"})

    assert answered["outcomes"] == ["0.jpg", "1200 req_", "2.jpg", "3.jpg", "1200 req_", "5.jpg"]
    assert answered["fields"] == ["contentType", "contentType"]
    assert [name for name in proxy.names if name in {ONE, MANY}] == [MANY, MANY, ONE, ONE]


@pytest.mark.parametrize("variables", [{"RATE_LIMITS": ""}])
def test_when_all_input_is_refused_everybody_is_told(upload, proxy):
    answered = upload(CEILING, CEILING, types={0: "text/plain", 1: "text/plain"})

    assert answered["outcomes"] == ["1200 req_"] * 2
    assert "PUT" not in proxy.names


def test_nothing_is_looked_for_in_the_place_of_small_files(upload, proxy):
    """They go by one PUT, which is never resumed: so those are begun together too."""
    answered = upload(*[CEILING] * 3, resume="auto")

    assert answered["outcomes"] == names_of(3)
    assert [name for name in proxy.names if name not in {"PUT", COMPLETE}] == [MANY]


def test_an_answer_that_is_lost_is_asked_for_again(upload, proxy, site):
    """Each upload is begun once."""
    proxy.faults[MANY] = [Cut.AFTER]

    answered = upload(CEILING, CEILING)

    assert (answered["outcomes"], set(answered["waits"])) == (names_of(2), {"outage"})
    assert proxy.names.count(MANY) == 2
    assert site.rpc("media.listMedia", status="pending")["items"] == []


def test_room_under_a_rate_limit_is_waited_for_together(upload, proxy):
    """Everybody is told, and one call is made again."""
    proxy.faults[MANY] = [full(1)]

    answered = upload(CEILING, CEILING, CEILING)

    assert (answered["outcomes"], answered["waits"]) == (names_of(3), ["rateLimit"] * 3)
    assert proxy.names.count(MANY) == 2


def test_an_outage_that_stays_is_everybodys_error(upload, proxy):
    proxy.faults[MANY] = [503] * 100

    answered = upload(CEILING, CEILING, retrySeconds=0.2)

    assert answered["outcomes"] == ["MediaTransportError"] * 2
    assert "PUT" not in proxy.names


def test_one_that_is_given_up_meanwhile_is_cancelled_alone(upload, proxy, site):
    answered = upload(CEILING, CEILING, CEILING, abort=[1])

    assert answered["outcomes"] == ["0.jpg", "AbortError", "2.jpg"]
    assert proxy.names.count(CANCEL) == 1
    assert site.rpc("media.listMedia", status="pending")["items"] == []


def test_nothing_is_asked_for_again_once_nobody_wants_it(upload, proxy):
    """The program ends though the server asks it to wait."""
    proxy.faults[MANY] = [full(25)]

    answered = upload(CEILING, CEILING, abort=[0, 1])

    assert answered["outcomes"] == ["AbortError"] * 2
    assert proxy.names == [MANY]
