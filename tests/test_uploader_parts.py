"""The npm package's uploader with large files: in parts, paused, resumed by others, in Node.js against real servers."""

import hashlib
import json
import random
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from jobs.sweep import sweep
from tests import media_files
from tests.faults import Cut, Proxy, proxy_of
from tests.processes import Running, Site, until
from tests.proxied import served_behind

INITIATE, SIGN, COMPLETE = "media.initiateMultipartUpload", "media.signParts", "media.completeMultipartUpload"
STATUS, LIST, CANCEL = "media.getUploadStatus", "media.listUploads", "media.cancelUpload"
MIB = 1024**2
PART = 5 * MIB
LONG_VIDEO = media_files.video() + random.Random(6).randbytes(9 * PART + 1000 - len(media_files.video()))
SIZE = 4 * PART + 1000
PARTS = [1, 2, 3, 4, 5]
VIDEO = LONG_VIDEO[:SIZE]
SHORT_VIDEO = VIDEO[: 2 * PART + 1000]
IN_TURN = {"parallel": 1, "partSize": PART}
PART_MISSING = {
    "code": -32009,
    "message": "Parts are missing: send them, then complete",
    "data": {"rpcCode": 1400, "requestId": "req_1", "details": {"missingParts": [3]}},
}
UNFIT = {"code": 1100, "message": "Forbidden", "data": {"rpcCode": 1100, "requestId": "req_1"}}
NEVER_SEEN = "01890000-0000-7000-8000-000000000000"


@pytest.fixture
def proxy(settings, store_server) -> Iterator[Proxy]:
    """What stands between the uploader and both servers."""
    with proxy_of("", store_server.endpoint) as made:
        yield made


@pytest.fixture
def url_ttl() -> str:
    """How long a signed URL is good, in seconds."""
    return "900"


@pytest.fixture
def site(resources, configured, proxy, url_ttl) -> Iterator[Site]:
    """A running server behind the proxy."""
    with served_behind(proxy, configured, UPLOAD_URL_TTL_SECONDS=url_ttl) as served:
        yield served


@pytest.fixture(scope="session")
def program(web_app):
    """The compiled program."""
    assert web_app.compile("large.ts", types=["node"]) == ""
    return web_app


@pytest.fixture
def client(program, site, proxy, tmp_path):
    """A client in a process of its own, which uploads a video through the proxy; what it says is on its log."""

    @contextmanager
    def start(body: bytes = VIDEO, uploader: dict[str, Any] | None = None, **order: Any) -> Iterator[Running]:
        path = tmp_path / "film"
        path.write_bytes(body)
        told = {"url": f"{proxy.origin}/rpc", "token": site.token, "partSize": PART, **(uploader or {})}
        with program.start("large.js", uploader=told, path=str(path), **order) as started:
            yield started

    return start


@pytest.fixture
def upload(client):
    """Run a client to its end; all that it said."""

    def run(**order: Any) -> list[dict[str, Any]]:
        with client(**order) as started:
            assert started.process.wait(120) == 0, started.output
            return said(started)

    return run


@pytest.fixture
def killed_at(client, proxy):
    """Kill a client without warning while it sends the part after so many; the media's id."""

    def run(parts: int) -> str:
        proxy.faults = {"PUT": [*[None] * parts, Cut.HELD]}
        with client(uploader=IN_TURN) as started:
            until(lambda: len(proxy.inputs("PUT")) == parts + 1)
            started.stop(signal.SIGKILL)
            media_id = told(said(started), "mediaId")[0]
        proxy.requests.clear()
        return str(media_id)

    return run


def said(running: Running) -> list[dict[str, Any]]:
    """The lines that a client has printed."""
    return [json.loads(line) for line in running.output.splitlines()]


def told(lines: list[dict[str, Any]], name: str) -> list[Any]:
    """What was said under a name."""
    return [line[name] for line in lines if name in line]


def ends_well(site: Site, lines: list[dict[str, Any]], body: bytes = VIDEO) -> str:
    """The id of the media that a client ended with: the only one of ada, with the file's bytes."""
    assert "media" in lines[-1], lines[-1]
    media = lines[-1]["media"]
    listed = [*site.rpc("media.listMedia")["items"], *site.rpc("media.listMedia", status="pending")["items"]]
    assert [found["id"] for found in listed] == [media["id"]]
    assert site.rpc("media.listUploads")["items"] == []
    assert hashlib.sha256(site.download(media["id"])).digest() == hashlib.sha256(body).digest()
    return str(media["id"])


def test_a_large_file_goes_in_parts(upload, site, proxy):
    """Its URLs are signed a few at a time, each part is sent once, and progress goes from nothing to all."""
    lines = upload(body=LONG_VIDEO)

    media_id = ends_well(site, lines, LONG_VIDEO)
    assert told(lines, "mediaId") == [media_id]
    assert Counter(proxy.names) == {INITIATE: 1, SIGN: 2, "PUT": 10, COMPLETE: 1, "GET": 1}
    assert [asked["partNumbers"] for asked in proxy.inputs(SIGN)] == [[1, 2, 3, 4, 5, 6, 7, 8], [9, 10]]
    assert sorted(proxy.inputs("PUT")) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    sent = told(lines, "sent")
    assert (sent[0], sent[-1]) == (0, len(LONG_VIDEO))
    assert all(earlier < later for earlier, later in pairwise(sent))


@pytest.mark.parametrize(
    ("body", "uploader", "at_once"),
    [
        (LONG_VIDEO, {}, 3),
        (VIDEO, {}, 2),
        (SHORT_VIDEO, {"multipartThreshold": PART}, 1),
        (LONG_VIDEO, {"parallel": 2}, 2),
    ],
    ids=["ten parts", "five parts", "three parts", "as many as are wished"],
)
def test_a_quarter_of_a_file_is_sent_at_once(client, site, proxy, body, uploader, at_once):
    """The next part waits until storage has answered, so that what is broken off has most parts whole."""
    proxy.faults = {"PUT": [Cut.HELD] * 4}

    with client(body=body, uploader=uploader) as started:
        until(lambda: len(proxy.inputs("PUT")) == at_once)
        assert sorted(proxy.inputs("PUT")) == [*range(1, at_once + 1)]
        proxy.faults = {}
        proxy.let_go.set()
        assert started.process.wait(120) == 0
        ends_well(site, said(started), body)


@pytest.mark.parametrize(
    ("size", "name", "wish"),
    [
        (10 * MIB, "media.initiateUpload", None),
        (10 * MIB + 1, INITIATE, 5 * MIB),
        (100 * MIB, INITIATE, 5 * MIB),
        (100 * MIB + 1, INITIATE, None),
    ],
)
def test_a_smaller_file_goes_in_smaller_parts(upload, proxy, size, name, wish):
    """In the smallest that S3 takes; up to 10 MiB by one PUT, above 100 MiB in those of the server's choice."""
    proxy.faults = {name: [404]}

    upload(body=bytes(size), uploader={"partSize": None})

    assert proxy.names == [name]
    assert proxy.inputs(name)[0].get("partSize") == wish


@pytest.mark.parametrize(
    ("uploader", "names"),
    [
        ({"multipartThreshold": SIZE}, ["media.initiateUpload", "PUT", "media.completeUpload"]),
        ({"multipartThreshold": SIZE - 1, "partSize": 24 * 1024**2}, [INITIATE, SIGN, "PUT", COMPLETE]),
    ],
    ids=["at the threshold", "above it"],
)
def test_the_threshold_can_be_chosen(upload, site, proxy, uploader, names):
    """A file of that size goes by one PUT, a larger one in parts, of the size that was wished."""
    lines = upload(uploader=uploader)

    assert proxy.names == names
    ends_well(site, lines)


def test_the_digests_are_worked_out_when_asked_for(upload, site, proxy):
    """The server is told that of the file, and storage that of each part."""
    ends_well(site, upload(options={"sha256": True}))

    assert proxy.inputs(INITIATE)[0]["sha256"] == hashlib.sha256(VIDEO).hexdigest()
    checksums = [checksum for asked in proxy.inputs(SIGN) for checksum in asked["checksums"]]
    slices = [VIDEO[start : start + PART] for start in range(0, SIZE, PART)]
    assert checksums == [
        {"partNumber": number, "sha256": hashlib.sha256(body).hexdigest()}
        for number, body in enumerate(slices, start=1)
    ]


@pytest.mark.exhaustive
@pytest.mark.parametrize("known", [True, False], ids=["the id is known", "nothing is known"])
@pytest.mark.parametrize("parts", [1, 2, 4], ids=["after the first part", "in the middle", "before the last part"])
def test_another_process_sends_what_is_missing(killed_at, upload, site, proxy, parts, known):
    """A client dies without warning; a fresh one, which was handed nothing but the file, goes on where it was."""
    media_id = killed_at(parts)

    lines = upload(uploader=IN_TURN, options={"resume": media_id if known else "auto"})

    assert ends_well(site, lines) == media_id
    assert proxy.inputs("PUT") == PARTS[parts:]
    assert told(lines, "sent")[0] == parts * PART
    assert INITIATE not in proxy.names
    assert (LIST in proxy.names) is not known


@pytest.mark.parametrize("url_ttl", ["3"])
def test_an_upload_outlives_its_urls(upload, site, proxy):
    """When all that were signed have ended, the next ones are signed again."""
    lines = upload(uploader=IN_TURN, pauseAt=PART, pause=4000)

    ends_well(site, lines)
    assert sorted({*proxy.inputs("PUT")}) == PARTS
    assert proxy.inputs(SIGN)[0]["partNumbers"] == PARTS
    assert proxy.inputs(SIGN)[1]["partNumbers"][0] in {2, 3}


@pytest.mark.parametrize("status", [403, 404], ids=["the URL has ended", "the store lost the upload"])
def test_a_url_that_storage_refuses_is_signed_again(upload, site, proxy, status):
    """With those that were signed with it; the part is not asked about, as it cannot have arrived."""
    proxy.faults = {"PUT": [None, status]}

    ends_well(site, upload(uploader=IN_TURN))

    assert proxy.inputs("PUT") == [1, 2, *PARTS[1:]]
    assert [asked["partNumbers"] for asked in proxy.inputs(SIGN)] == [PARTS, PARTS[1:]]
    assert STATUS not in proxy.names


@pytest.mark.parametrize(
    ("faults", "puts", "asked"),
    [
        ([Cut.AFTER], PARTS, 1),
        ([Cut.BEFORE], [1, *PARTS], 1),
        ([503, 503], [1, 1, *PARTS], 2),
        ([None, 500, Cut.AFTER], [1, 2, *PARTS[1:]], 2),
    ],
    ids=["the answer is lost", "the connection is lost", "storage is out for a while", "both"],
)
def test_a_part_is_sent_again_only_when_storage_lacks_it(upload, site, proxy, faults, puts, asked):
    """Storage is asked after every failure that may hide an arrival."""
    proxy.faults = {"PUT": faults}

    lines = upload(uploader=IN_TURN)

    ends_well(site, lines)
    assert proxy.inputs("PUT") == puts
    assert proxy.names.count(STATUS) == asked
    assert all(earlier < later for earlier, later in pairwise(told(lines, "sent")))


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", [INITIATE, SIGN, COMPLETE])
@pytest.mark.parametrize("fault", [Cut.BEFORE, Cut.AFTER, 503], ids=["cut", "the answer is lost", "503"])
def test_a_call_that_may_pass_is_made_again(upload, site, proxy, name, fault):
    """In the end there is one media, and each part was sent once."""
    proxy.faults = {name: [fault]}

    ends_well(site, upload(body=SHORT_VIDEO, uploader={**IN_TURN, "multipartThreshold": PART}), SHORT_VIDEO)

    assert proxy.inputs("PUT") == [1, 2, 3]
    assert len({asked["idempotencyKey"] for asked in proxy.inputs(INITIATE)}) == 1


def test_parts_that_the_server_misses_are_sent_again(upload, site, proxy):
    """Those that it names, and no others; then the upload is completed."""
    proxy.faults = {COMPLETE: [PART_MISSING]}

    lines = upload(uploader=IN_TURN)

    assert proxy.inputs("PUT") == [*PARTS, 3]
    assert proxy.names[-4:] == [COMPLETE, SIGN, "PUT", COMPLETE]
    ends_well(site, lines)


def test_tries_are_bounded_and_the_upload_can_be_resumed(upload, site, proxy):
    """After the third refusal of a part the error is the caller's, and nothing is cancelled."""
    proxy.faults = {"PUT": [None, None, 403, 403, 403]}

    failed = upload(uploader=IN_TURN)
    resumed = upload(uploader=IN_TURN, options={"resume": "auto"})

    message = "Storage refused the bytes with HTTP 403"
    assert failed[-1] == {"error": {"name": "MediaTransportError", "message": message, "status": 403}}
    assert CANCEL not in proxy.names
    assert ends_well(site, resumed) == told(failed, "mediaId")[0]
    assert proxy.inputs("PUT") == [1, 2, 3, 3, 3, *PARTS[2:]]


def test_a_paused_upload_sends_nothing(upload, site, proxy):
    """The part that was on its way is stopped, and sent again after the pause."""
    lines = upload(uploader=IN_TURN, pauseAt=2 * PART + 1, pause=1000)

    assert lines.index({"resumed": True}) == lines.index({"paused": True}) + 1
    ends_well(site, lines)
    assert proxy.inputs("PUT") == PARTS
    assert all(earlier < later for earlier, later in pairwise(told(lines, "sent")))


@pytest.mark.parametrize("uploader", [IN_TURN, {}, {"multipartThreshold": SIZE}], ids=["in turn", "at once", "one PUT"])
async def test_an_aborted_upload_leaves_nothing(upload, site, proxy, resources, run_pending, objects, uploader):
    """The promise rejects with the signal's reason; the server clears away what it has cancelled."""
    lines = upload(uploader=uploader, abortAt=PART + 1)

    assert lines[-1]["error"]["name"] == "AbortError"
    assert proxy.names.count(CANCEL) == 1
    assert site.rpc("media.listUploads")["items"] == []
    assert site.rpc("media.listMedia", status="pending")["items"] == []
    await run_pending()
    later = datetime.now(UTC) + timedelta(hours=1)
    await sweep(resources.db, later)
    await run_pending(later)
    assert (await objects(), site.rpc("media.getStorageUsage")["reserved"]) == ([], 0)


def test_what_was_given_up_is_not_resumed(upload, site, proxy):
    """Though the server has not heard yet that it is: the file is uploaded anew."""
    proxy.faults[CANCEL] = [503] * 3

    lines = upload(abortAt=PART + 1, again=True)

    first, second = told(lines, "mediaId")
    assert first != second == ends_well(site, lines)
    assert (STATUS in proxy.names, proxy.names.count(CANCEL)) == (False, 4)


def test_a_completed_upload_is_not_sent_again(upload, site, proxy):
    """Resuming it answers its media."""
    media_id = told(upload(), "mediaId")[0]
    proxy.requests.clear()

    lines = upload(options={"resume": media_id})

    assert proxy.names == [STATUS, COMPLETE]
    assert ends_well(site, lines) == media_id


@pytest.mark.parametrize("resume", ["auto", NEVER_SEEN], ids=["none is alike", "the id is unknown"])
def test_what_cannot_be_resumed_is_uploaded_anew(upload, site, proxy, resume):
    """The caller is told the new id."""
    lines = upload(options={"resume": resume})

    assert told(lines, "mediaId") == [ends_well(site, lines)]
    assert proxy.names.count(INITIATE) == 1


@pytest.mark.parametrize("finished", [False, True], ids=["unfinished", "finished"])
def test_a_file_of_another_digest_is_not_taken_for_the_same(upload, proxy, finished):
    """Where both digests are known; then `auto` uploads it anew, and by its id the upload is refused."""
    by_digest = {"body": SHORT_VIDEO, "uploader": {**IN_TURN, "multipartThreshold": PART}}
    if not finished:
        proxy.faults = {COMPLETE: [UNFIT]}
    media_id = told(upload(**by_digest, options={"sha256": True}), "mediaId")[0]
    other = {**by_digest, "body": SHORT_VIDEO[:-1] + b"!"}
    proxy.requests.clear()

    refused = upload(**other, options={"sha256": True, "resume": media_id})
    anew = upload(**other, options={"sha256": True, "resume": "auto"})

    message = "The upload was declared with another SHA-256 than that of the file: it is another file"
    assert refused[-1] == {"error": {"name": "TypeError", "message": message}}
    assert told(anew, "mediaId") != [media_id]
    assert proxy.inputs("PUT") == [1, 2, 3]
    assert anew[-1]["media"]["size"] == len(SHORT_VIDEO)


def test_an_upload_that_was_refused_for_its_bytes_is_uploaded_anew(upload, proxy):
    """Its id is of no more use than one that nobody knows."""
    named = {"body": SHORT_VIDEO, "uploader": {**IN_TURN, "multipartThreshold": PART}}
    refused = upload(**named, options={"sha256": "0" * 64})
    media_id = told(refused, "mediaId")[0]
    assert refused[-1]["error"]["code"] == 1201
    proxy.requests.clear()

    anew = upload(**named, options={"resume": media_id})

    assert told(anew, "mediaId") != [media_id]
    assert proxy.inputs("PUT") == [1, 2, 3]
    assert anew[-1]["media"]["size"] == len(SHORT_VIDEO)


def test_another_file_is_not_mixed_into_an_upload(killed_at, upload, proxy):
    """A file of another size is not sent under an earlier upload's id."""
    media_id = killed_at(1)

    lines = upload(body=VIDEO[:-1], options={"resume": media_id})

    message = f"The upload is of {SIZE} bytes, the file of {SIZE - 1}: it is another file"
    assert lines[-1] == {"error": {"name": "TypeError", "message": message}}
    assert proxy.names == [STATUS]
