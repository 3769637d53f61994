"""Write-once publication on every S3 server at hand: whatever is tried, what is served is what was verified."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from contracts.errors import DigestDiffers, InvalidFileType, ServiceUnavailable, SizeDiffers, UploadIncomplete
from contracts.media import CompleteUpload, UploadTicket
from jobs.sweep import sweep
from procedures.media.upload import complete_upload
from rpc.dispatch import context_of
from server.resources import store_config
from storage.s3 import ObjectStore
from tests.at_once import at_once
from tests.media_files import HTML, padded, photo
from tests.services import Servers, Store, every_store

pytestmark = pytest.mark.embedded

VERIFIED = padded(photo(), 20_000)
OTHER_PHOTO = padded(photo(48, 64), 20_000)
OTHER_TYPE = padded(HTML, 20_000)


@pytest.fixture(params=every_store())
def store_server(request, servers: Servers) -> Store:
    for server in servers.stores:
        if server.name == request.param:
            return server
    pytest.skip(servers.missing[request.param])


def overwrite(resources, ticket: UploadTicket) -> Callable[[bytes], Awaitable[None]]:
    """Write to the staging key with the server's own key pair, past every signature."""
    key = httpx.URL(ticket.upload_url).path.partition(f"/{resources.store.name}/")[2]

    async def write(body: bytes) -> None:
        put_object = resources.store._client.put_object
        await asyncio.to_thread(put_object, Bucket=resources.store.name, Key=key, Body=body)

    return write


async def contents(resources) -> dict[str, str]:
    """The digest of every object by its key."""
    store = resources.store
    return {key: await store.sha256(key) for key in await store.keys_under("")}


class SwappingStore(ObjectStore):
    """The store of the test, in which something happens once, right before, during or after one kind of call."""

    def __init__(self, config: Any, moment: str, act: Callable[[], Awaitable[Any]]) -> None:
        super().__init__(config)
        self.moment = moment
        self.act = act
        self.acted = 0

    async def head(self, key: str) -> Any:
        return await self._around("head", super().head(key))

    async def read(self, key: str, start: int, length: int) -> Any:
        return await self._around("read", super().read(key, start, length))

    async def sha256(self, key: str) -> Any:
        return await self._around("sha256", super().sha256(key))

    async def copy(self, source: str, target: str, *, etag: str, content_type: str) -> None:
        await self._around("copy", super().copy(source, target, etag=etag, content_type=content_type))

    async def _around(self, name: str, real: Awaitable[Any]) -> Any:
        await self._when(f"before {name}")
        answer, _ = await asyncio.gather(real, self._when(f"during {name}"))
        await self._when(f"after {name}")
        return answer

    async def _when(self, moment: str) -> None:
        if moment == self.moment and not self.acted:
            self.acted += 1
            await self.act()


@pytest.fixture
def complete_while(settings, resources, ada, put):
    """Complete an upload, with other bytes sent by its own URL at some moment of it."""

    async def complete(ticket: UploadTicket, moment: str, other: bytes, *, past_signature: bool = False) -> None:
        async def swap() -> None:
            if past_signature:
                await overwrite(resources, ticket)(other)
            else:
                assert (await put(ticket, other)).status_code == 200

        store = SwappingStore(store_config(settings), moment, swap)
        told = CompleteUpload(media_id=ticket.media_id)
        context = context_of(
            replace(resources, store=store), PROCEDURE, told, caller=ada, request_id="req_test", now=datetime.now(UTC)
        )
        try:
            await PROCEDURE.run(context, told)
        finally:
            store.close()
            assert store.acted == 1

    return complete


PROCEDURE = complete_upload
BEFORE_THE_COPY = ["before head", "after head", "before copy"]
AFTER_THE_COPY = ["after copy", "before read", "after read"]


@pytest.mark.parametrize("other", [OTHER_PHOTO, OTHER_TYPE], ids=["photo", "html"])
async def test_bytes_sent_again_after_completion_are_not_served(
    arrived_upload, put, call, original, run_pending, after_the_url, objects, resources, other
):
    """The URL stays valid and fills the staging key only; the sweep takes that away."""
    ticket = await arrived_upload(VERIFIED)
    await call("media.completeUpload", mediaId=str(ticket.media_id))
    assert (await put(ticket, other)).status_code == 200
    assert await original(ticket.media_id) == VERIFIED

    await run_pending()
    assert (await put(ticket, other)).status_code == 200
    assert await original(ticket.media_id) == VERIFIED
    await call("media.completeUpload", mediaId=str(ticket.media_id))
    assert await original(ticket.media_id) == VERIFIED
    assert await sweep(resources.db, after_the_url) == 1
    await run_pending(after_the_url)
    assert await original(ticket.media_id) == VERIFIED
    assert [key.partition("/")[0] for key in await objects()] == ["users"]


@pytest.mark.parametrize("moment", AFTER_THE_COPY)
@pytest.mark.parametrize("other", [OTHER_PHOTO, OTHER_TYPE], ids=["photo", "html"])
async def test_a_swap_after_the_copy_changes_nothing(
    arrived_upload, complete_while, original, run_pending, moment, other
):
    """Between the copy and the commit the staging key belongs to nobody any more."""
    ticket = await arrived_upload(VERIFIED)
    await complete_while(ticket, moment, other)

    assert await original(ticket.media_id) == VERIFIED
    await run_pending()
    assert await original(ticket.media_id) == VERIFIED


@pytest.mark.parametrize("moment", BEFORE_THE_COPY)
async def test_a_swap_before_the_copy_to_another_type_is_refused(arrived_upload, complete_while, objects, moment):
    """What was looked at before the copy does not count: the copy is verified."""
    ticket = await arrived_upload(VERIFIED)
    with pytest.raises(InvalidFileType):
        await complete_while(ticket, moment, OTHER_TYPE)

    assert [key for key in await objects() if not key.startswith("staging/")] == []


@pytest.mark.parametrize("moment", BEFORE_THE_COPY)
async def test_a_swap_before_the_copy_to_another_photo_serves_what_was_verified(
    arrived_upload, complete_while, original, put, moment
):
    """Without a declared SHA-256 the later bytes are as good; they are verified, and stay."""
    ticket = await arrived_upload(VERIFIED)
    await complete_while(ticket, moment, OTHER_PHOTO)

    assert await original(ticket.media_id) == OTHER_PHOTO
    assert (await put(ticket, VERIFIED)).status_code == 200
    assert await original(ticket.media_id) == OTHER_PHOTO


async def test_a_swap_during_the_copy_serves_one_of_the_two(arrived_upload, complete_while, original, put):
    """Never a mixture, and never one after the other."""
    first, second = padded(photo(), 2_000_000), photo(48, 64) + b"\1" * (2_000_000 - len(photo(48, 64)))
    ticket = await arrived_upload(first)
    await complete_while(ticket, "during copy", second)

    published = await original(ticket.media_id)
    assert published in {first, second}
    assert (await put(ticket, second if published == first else first)).status_code == 200
    assert await original(ticket.media_id) == published


@pytest.mark.parametrize("moment", ["before copy", "after copy", "before sha256", "after sha256"])
async def test_a_declared_digest_is_that_of_what_is_served(
    arrived_upload, call, resources, complete_while, original, moment
):
    """Other bytes, written past the signature, are refused before the copy and ignored after it."""
    ticket = await arrived_upload(VERIFIED, sha256=hashlib.sha256(VERIFIED).hexdigest())
    if moment == "before copy":
        with pytest.raises(DigestDiffers):
            await complete_while(ticket, moment, OTHER_PHOTO, past_signature=True)
        await overwrite(resources, ticket)(VERIFIED)
        await call("media.completeUpload", mediaId=str(ticket.media_id))
    else:
        await complete_while(ticket, moment, OTHER_PHOTO, past_signature=True)
    assert await original(ticket.media_id) == VERIFIED


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "change",
    [
        {"content": VERIFIED + b"!"},
        {"content": VERIFIED[:-1]},
        {"headers": {"content-type": "text/html"}},
        {"headers": {}},
        {"method": "DELETE"},
        {"method": "POST"},
        {"key": "/staging/x"},
        {"key": "/"},
    ],
    ids=["a-byte-more", "a-byte-less", "other-type", "no-type", "delete", "post", "other-key", "published-key"],
)
@pytest.mark.parametrize("completed", [False, True], ids=["pending", "completed"])
async def test_another_request_by_the_same_url_is_refused(
    arrived_upload, call, original, resources, client, change, completed
):
    """Before and after completion, nothing that the signature does not name reaches the store."""
    ticket = await arrived_upload(VERIFIED)
    if completed:
        await call("media.completeUpload", mediaId=str(ticket.media_id))
    url = ticket.upload_url.replace("/staging/", change.get("key", "/staging/"))
    kept = await contents(resources)

    answer = await client.request(
        change.get("method", "PUT"),
        url,
        content=change.get("content", OTHER_PHOTO),
        headers=change.get("headers", ticket.headers),
    )

    assert answer.status_code in {400, 403, 405, 411, 501}
    assert await contents(resources) == kept
    if not completed:
        await call("media.completeUpload", mediaId=str(ticket.media_id))
    assert await original(ticket.media_id) == VERIFIED


async def test_a_signed_url_copies_nothing(arrived_upload, pending_upload, resources, client):
    """Neither that of a PUT nor that of a part brings another object to where it writes, whoever's it is."""
    ticket = await arrived_upload(VERIFIED)
    other = httpx.URL(ticket.upload_url).path.removeprefix("/")
    mine = await pending_upload(VERIFIED)
    copying = {"x-amz-copy-source": f"/{other}"}
    answer = await client.put(mine.upload_url, headers={**mine.headers, **copying}, content=VERIFIED)
    assert answer.status_code == 403
    assert len(await contents(resources)) == 1
    assert (await client.put(mine.upload_url, headers=mine.headers, content=VERIFIED)).status_code == 200

    key = "users/ada/posts/parts"
    upload_id = await resources.store.multipart.begin(key, content_type="image/jpeg", token="t")
    url, headers = resources.presigner.part(
        key, upload_id=upload_id, number=1, size_bytes=len(VERIFIED), sha256=None, now=datetime.now(UTC), ttl_seconds=60
    )
    answer = await client.put(url, headers={**headers, **copying}, content=VERIFIED)
    assert answer.status_code == 403
    assert await resources.store.multipart.parts(key, upload_id) == []
    await resources.store.multipart.abort(key, upload_id)


async def test_bytes_of_another_digest_are_never_served(pending_upload, resources, put, call, original):
    """The store refuses them, or the completion does; the right ones can follow."""
    ticket = await pending_upload(VERIFIED, sha256=hashlib.sha256(VERIFIED).hexdigest())
    sent = await put(ticket, OTHER_PHOTO)
    refusal = DigestDiffers if sent.status_code == 200 else UploadIncomplete
    with pytest.raises(refusal):
        await call("media.completeUpload", mediaId=str(ticket.media_id))

    assert (await put(ticket, VERIFIED)).status_code == 200
    await call("media.completeUpload", mediaId=str(ticket.media_id))
    assert await original(ticket.media_id) == VERIFIED


@pytest.mark.parametrize("size", [19_999, 20_001], ids=["a-byte-less", "a-byte-more"])
async def test_bytes_of_another_length_are_never_served(pending_upload, resources, call, size):
    """Even when they reach the staging key past the signature."""
    ticket = await pending_upload(VERIFIED)
    await overwrite(resources, ticket)(padded(photo(), size))
    with pytest.raises(SizeDiffers):
        await call("media.completeUpload", mediaId=str(ticket.media_id))

    assert (await call("media.listMedia")).items == []


async def test_a_fresh_url_of_the_same_key_changes_nothing_after_completion(
    arrived_upload, pending_upload, put, call, original, run_pending
):
    """The idempotency key finds the completed media; what its fresh URL brings is not published."""
    ticket = await arrived_upload(VERIFIED, idempotencyKey="k")
    await call("media.completeUpload", mediaId=str(ticket.media_id))
    await run_pending()
    again = await pending_upload(VERIFIED, idempotencyKey="k")
    assert again.media_id == ticket.media_id
    assert (await put(again, OTHER_PHOTO)).status_code == 200

    await call("media.completeUpload", mediaId=str(ticket.media_id))
    await run_pending()
    assert await original(ticket.media_id) == VERIFIED


@pytest.mark.usefixtures("unhurried")
async def test_completions_at_once_while_bytes_change_publish_one_of_them(arrived_upload, put, call, original):
    """Ten completions race twenty swaps; the one media that comes of it never changes again.

    A store may fail to copy what is being written, and the bytes may change under each of several copies: such a
    completion answers 1903 or that the upload is incomplete, and is made again.
    """
    ticket = await arrived_upload(VERIFIED)

    async def complete() -> None:
        try:
            await call("media.completeUpload", mediaId=str(ticket.media_id))
        except (ServiceUnavailable, UploadIncomplete):
            await complete()

    swaps = [put(ticket, body) for body in [OTHER_PHOTO, VERIFIED] * 10]
    await at_once(*swaps, *(complete() for _ in range(10)))

    published = await original(ticket.media_id)
    assert published in {VERIFIED, OTHER_PHOTO}
    assert (await put(ticket, OTHER_PHOTO if published == VERIFIED else VERIFIED)).status_code == 200
    assert await original(ticket.media_id) == published
