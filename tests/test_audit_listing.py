"""The records of who changed what, as `media.listAudit` lists them."""

from typing import Any
from uuid import UUID

import psycopg
import pytest

from contracts.errors import ServiceOnly, ValidationFailed
from rpc.auth import Caller
from tests.callers import SERVICE

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def listed(call):
    """A page of records, as procedure and media id."""

    async def read(**params: Any) -> list[tuple[str, str | None]]:
        page = await call("media.listAudit", caller=SERVICE, **params)
        return [(item.procedure, item.media_id and str(item.media_id)) for item in page.items]

    return read


@pytest.fixture
async def history(call, pending_upload):
    """Two media of ada's, one of an event's, and a plan; the ids."""
    first, second = [str((await pending_upload()).media_id) for _ in range(2)]
    team = Caller("ada", owners=frozenset({"event:42"}))
    event = await pending_upload(caller=team, owner={"type": "event", "id": "42"})
    await call("media.deleteMedia", mediaId=first)
    await call("media.setPlan", caller=SERVICE, userId="ada", plan="pro")
    return first, second, str(event.media_id)


async def test_the_audit_is_listed_newest_first(history, call):
    first, second, event = history
    page = await call("media.listAudit", caller=SERVICE)

    assert [(item.user_id, item.procedure, item.owner.type, item.owner.id, item.media_id) for item in page.items] == [
        ("backend", "media.setPlan", "user", "ada", None),
        ("ada", "media.deleteMedia", "user", "ada", UUID(first)),
        ("ada", "media.initiateUpload", "event", "42", UUID(event)),
        ("ada", "media.initiateUpload", "user", "ada", UUID(second)),
        ("ada", "media.initiateUpload", "user", "ada", UUID(first)),
    ]
    assert page.next_cursor is None
    assert {item.request_id for item in page.items} == {"req_test"}
    assert page.items[0].input == {"userId": "ada", "plan": "pro"}


async def test_the_audit_is_listed_by_owner_and_by_media(history, listed):
    """Either, or both: then what does not belong together has no records."""
    first, second, event = history
    ada, of_event = {"type": "user", "id": "ada"}, {"type": "event", "id": "42"}
    initiated, deleted = "media.initiateUpload", "media.deleteMedia"

    assert await listed(owner=ada) == [
        ("media.setPlan", None), (deleted, first), (initiated, second), (initiated, first),
    ]  # fmt: skip
    assert await listed(owner=of_event) == [(initiated, event)]
    assert await listed(mediaId=first) == [(deleted, first), (initiated, first)]
    assert await listed(mediaId=first, owner=ada) == [(deleted, first), (initiated, first)]
    assert await listed(mediaId=first, owner=of_event) == []
    assert await listed(mediaId=UNKNOWN) == []


@pytest.mark.parametrize("by", ["all", "owner", "media"])
async def test_the_audit_is_listed_page_by_page(call, pending_upload, database_url, by):
    """Every record once, whatever is added meanwhile."""
    ticket = await pending_upload()
    media_id = str(ticket.media_id)
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "insert into audit (at, user_id, procedure, request_id, owner_id, media_id, input)"
            " select now(), 'ada', 'p' || n, 'r', 'ada', %s, '{}' from generate_series(1, 6) as n",
            [media_id],
        )
    ways: dict[str, dict[str, Any]] = {
        "all": {},
        "owner": {"owner": {"type": "user", "id": "ada"}},
        "media": {"mediaId": media_id},
    }
    chosen = ways[by]
    page = await call("media.listAudit", caller=SERVICE, limit=3, **chosen)
    seen = [item.procedure for item in page.items]
    while page.next_cursor:
        await pending_upload()
        page = await call("media.listAudit", caller=SERVICE, limit=3, cursor=page.next_cursor, **chosen)
        seen += [item.procedure for item in page.items]

    assert seen == ["p6", "p5", "p4", "p3", "p2", "p1", "media.initiateUpload"]


async def test_the_audit_is_for_services(call):
    with pytest.raises(ServiceOnly):
        await call("media.listAudit")


async def test_only_an_earlier_pages_cursor_goes_on(subtests, call):
    for cursor in ("", "x", "-1", "1.5", "9" * 19, "٣", UNKNOWN):
        with subtests.test(cursor=cursor):
            with pytest.raises(ValidationFailed) as refused:
                await call("media.listAudit", caller=SERVICE, cursor=cursor)
            assert refused.value.message == "cursor must be the nextCursor of an earlier page"
