"""How uploads in parts end: assembled once and for good, or aborted."""

import asyncio
import io
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from server.embedded import Secrets, working_in
from server.embedded_s3 import PROGRAMS, s3
from storage.multipart import PartsChanged, UploadGone
from storage.presign import Presigner
from storage.s3 import ObjectStore
from tests.multipart.bodies import FIRST, KEY, LAST, OTHER, answered, bytes_of, half_sent
from tests.processes import until
from tests.services import Store

pytestmark = pytest.mark.embedded

FORGED = '"00000000000000000000000000000000"'


@pytest.mark.parametrize(("number", "body"), [(1, OTHER), (1, FIRST), (2, b"the End"), (3, b"more")])
async def test_a_late_part_changes_nothing(store, upload_id, parts, signed, client, number, body):
    """After the assembly every URL that was ever signed for a part is refused: known part or new, same bytes or not."""
    url, _ = signed(number, len(body))
    await store.multipart.assemble(KEY, upload_id, parts)
    assembled = await store.head(KEY)

    assert await answered(client, url, body) in ({404} if len(body) < 100 else {404, None})

    with pytest.raises(UploadGone):
        await store.multipart.parts(KEY, upload_id)
    with pytest.raises(UploadGone):
        await store.multipart.assemble(KEY, upload_id, parts)
    assert await store.head(KEY) == assembled
    assert await bytes_of(store) == FIRST + LAST


@pytest.mark.parametrize("body", [FIRST, OTHER], ids=["same bytes", "other bytes"])
async def test_a_part_that_is_sent_meanwhile_changes_nothing(store, upload_id, parts, signed, body):
    """A part whose first half came before the assembly and whose second half came after is not in the object."""
    with half_sent(signed(1, len(body))[0], body) as finish:
        await asyncio.sleep(0.3)
        await store.multipart.assemble(KEY, upload_id, parts)
        await asyncio.to_thread(finish)

    assert await bytes_of(store) == FIRST + LAST
    with pytest.raises(UploadGone):
        await store.multipart.parts(KEY, upload_id)


async def test_assembling_against_a_part_that_arrives_takes_the_listed_bytes_or_none(store, config, client):
    """Whichever of the two the store takes first, no other bytes than those that were listed become the object."""
    presigner = Presigner(config)
    for pause in range(8):
        key = f"{KEY}.{pause}"
        upload_id = await store.multipart.begin(key, content_type="video/mp4", token="t")
        await store.multipart.write_part(key, upload_id, 1, io.BytesIO(FIRST), len(FIRST))
        listed = await store.multipart.parts(key, upload_id)
        told = {"upload_id": upload_id, "number": 1, "size_bytes": len(OTHER), "sha256": None}
        url, _ = presigner.part(key, **told, now=datetime.now(UTC), ttl_seconds=60)
        late = asyncio.create_task(answered(client, url, OTHER))
        await asyncio.sleep(pause * 0.004)
        try:
            await store.multipart.assemble(key, upload_id, listed)
        except PartsChanged:
            assert await late == 200
            assert await store.keys_under(key) == []
        else:
            assert await late in {404, 501, None}
            assert await bytes_of(store, key) == FIRST


async def test_a_part_that_the_store_takes_too_late_is_in_no_object(store, upload_id, parts, signed):
    """MinIO takes a part that was being sent while another upload of its key is open; abort_all clears it away."""
    await store.multipart.begin(KEY, content_type="video/mp4", token="t-2")
    with half_sent(signed(1, len(OTHER))[0], OTHER) as finish:
        await asyncio.sleep(0.3)
        await store.multipart.assemble(KEY, upload_id, parts)
        status = await asyncio.to_thread(finish)

    assert status in {200, 404, 501, None}
    assert await bytes_of(store) == FIRST + LAST
    with pytest.raises(UploadGone):
        await store.multipart.parts(KEY, upload_id)
    await store.multipart.abort_all(KEY)
    assert store.multipart._open(KEY) == []
    assert await bytes_of(store) == FIRST + LAST


@pytest.fixture
def assembling(store):
    """How many assemblies the store had under way whenever one began."""
    under_way, seen = [0], []
    events = store._client.meta.events

    def begins(**_):
        under_way[0] += 1
        seen.append(under_way[0])

    def ends(**_):
        under_way[0] -= 1

    events.register("before-send.s3.CompleteMultipartUpload", begins)
    events.register("response-received.s3.CompleteMultipartUpload", ends)
    return seen


async def test_assembling_fifty_times_at_once_takes_effect_once(store, upload_id, parts, assembling):
    """All but one are told that the upload is gone, as one is whose first answer was lost; none goes beside another."""
    outcomes = await asyncio.gather(
        *(store.multipart.assemble(KEY, upload_id, parts) for _ in range(50)), return_exceptions=True
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", *["UploadGone"] * 49]
    assert assembling == [1] * 50
    assert await bytes_of(store) == FIRST + LAST


async def test_an_assembly_whose_caller_has_gone_is_waited_for(store, upload_id, parts, assembling):
    """Its request is under way all the same, and another beside it could lose the bytes."""
    store._client.meta.events.register("before-send.s3.CompleteMultipartUpload", lambda **_: time.sleep(0.3))
    gone = asyncio.create_task(store.multipart.assemble(KEY, upload_id, parts))
    await asyncio.to_thread(until, lambda: assembling)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone

    with pytest.raises(UploadGone):
        await store.multipart.assemble(KEY, upload_id, parts)
    assert assembling == [1, 1]
    assert await bytes_of(store) == FIRST + LAST


@pytest.mark.parametrize(
    "change",
    [
        lambda parts: [replace(parts[0], etag=FORGED), parts[1]],
        lambda parts: [*parts, replace(parts[0], number=3)],
        lambda parts: parts[::-1],
    ],
    ids=["another ETag", "a part that never came", "out of order"],
)
async def test_other_parts_than_those_there_are_not_assembled(store, upload_id, parts, embedded, change):
    """There is no object then. MinIO keeps the upload open; the embedded store drops it."""
    with pytest.raises(PartsChanged):
        await store.multipart.assemble(KEY, upload_id, change(parts))

    assert await store.keys_under("") == []
    if embedded:
        with pytest.raises(UploadGone):
            await store.multipart.assemble(KEY, upload_id, parts)
    else:
        await store.multipart.assemble(KEY, upload_id, parts)
        assert await bytes_of(store) == FIRST + LAST


async def test_an_aborted_upload_is_gone(store, upload_id, parts, signed, client):
    """Aborting is repeatable; parts, assembly and URLs are answered that there is no such upload."""
    for _ in range(2):
        await store.multipart.abort(KEY, upload_id)

    with pytest.raises(UploadGone):
        await store.multipart.parts(KEY, upload_id)
    with pytest.raises(UploadGone):
        await store.multipart.assemble(KEY, upload_id, parts)
    with pytest.raises(UploadGone):
        await store.multipart.write_part(KEY, upload_id, 1, io.BytesIO(b"x"), 1)
    assert (await client.put(signed(1, 1)[0], content=b"x")).status_code == 404
    assert await store.keys_under("") == []


async def test_every_upload_of_a_key_is_aborted_while_parts_are_sent(store, upload_id, parts, signed):
    """A part that is on its way does not bring its upload back. Uploads of other keys go on, longer ones among them."""
    second = await store.multipart.begin(KEY, content_type="video/mp4", token="t-2")
    other = await store.multipart.begin(f"{KEY}.other", content_type="video/mp4", token="t-3")

    with half_sent(signed(3, len(OTHER))[0], OTHER) as finish:
        await asyncio.sleep(0.3)
        await store.multipart.abort_all(KEY)
        await asyncio.to_thread(finish)

    for gone in (upload_id, second):
        with pytest.raises(UploadGone):
            await store.multipart.parts(KEY, gone)
    assert await store.multipart.parts(f"{KEY}.other", other) == []
    assert store.multipart._open(KEY) == []


async def test_a_bucket_without_uploads_has_none_to_abort(store):
    await store.multipart.abort_all(KEY)
    await store.multipart.abort(KEY, "no-such-upload")


async def test_a_restart_of_the_embedded_store_loses_open_uploads_and_tokens(tmp_path):
    """What was assembled is there, without its token; what was open is gone, and there is nothing to abort."""
    keys = Secrets("unused", "test-key", "test-secret-key")
    assembled, begun = f"{KEY}.1", f"{KEY}.2"
    with s3(tmp_path / "s3", keys) as endpoint:
        before = ObjectStore(Store("embedded", endpoint, "test-key", "test-secret-key").config("media"))
        await before.create_buckets()
        for key in (assembled, begun):
            upload_id = await before.multipart.begin(key, content_type="video/mp4", token="t-1")
            await before.multipart.write_part(key, upload_id, 1, io.BytesIO(FIRST), len(FIRST))
            if key == assembled:
                await before.multipart.assemble(key, upload_id, await before.multipart.parts(key, upload_id))
        before.close()
        (rclone,) = working_in(tmp_path / "s3", PROGRAMS)
        rclone.kill()

    with s3(tmp_path / "s3", keys) as endpoint:
        after = ObjectStore(Store("embedded", endpoint, "test-key", "test-secret-key").config("media"))
        assert (await after.head(assembled)).token is None
        assert await bytes_of(after, assembled) == FIRST
        with pytest.raises(UploadGone):
            await after.multipart.parts(begun, upload_id)
        await after.multipart.abort_all(begun)
        assert await after.keys_under("") == [assembled]
        after.close()
