"""Searches over more names than anybody has, made to take long."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from uuid_utils.compat import uuid7

from procedures.media import library
from tests.attacks.watching import watched
from tests.deployment import Served

ROWS = 100_000
AT_ONCE = 10
PAGES = 2
LONG_NAME = "a" * 255
PART = "aaaaaaaaab"
PART_COST = 500 + 255 * (10 + len(PART))  # of one look at that name


def load_media(url: str, owner: str, rows: int, name: str = LONG_NAME) -> None:
    """Give an owner so many media of one name; triggers are off meanwhile, so usage is made from the rows."""
    now = datetime.now(UTC).isoformat()
    ends = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    with psycopg.connect(url, autocommit=True) as connection:
        with connection.transaction():
            connection.execute("set local session_replication_role = replica")
            with connection.cursor().copy(
                "copy media (id, owner_id, user_id, state, type, filename, mime_type, size_bytes, staging_key,"
                " url_expires_at, url_ends_at, original_key, created_at, updated_at) from stdin"
            ) as copy:
                for _ in range(rows):
                    copy.write_row((
                        uuid7(), owner, owner, "ready", "image", name, "image/jpeg", 1, "staging", ends, ends,
                        "original", now, now,
                    ))  # fmt: skip
            connection.execute(
                "insert into storage_usage as mine (owner_id, image_bytes, media_count) values (%s, %s, %s)"
                " on conflict (owner_id) do update set image_bytes = mine.image_bytes + excluded.image_bytes,"
                " media_count = mine.media_count + excluded.media_count",
                [owner, rows, rows],
            )
        connection.execute("checkpoint")
        connection.execute("vacuum analyze media")


@pytest.fixture
def served(deployment, database_url) -> Iterator[Served]:
    """A server over a database of its own, in which an attacker has as many media as anybody may."""
    load_media(database_url, "attacker", ROWS)
    with deployment.another_server(DATABASE_URL=database_url) as served:
        yield served


def pages(served: Served, token: str) -> Iterator[Any]:
    """The first pages of a search."""
    asked: dict[str, Any] = {"search": PART}
    with httpx.Client(headers={"authorization": f"Bearer {token}"}, timeout=60) as client:
        for _ in range(PAGES):
            document = {"jsonrpc": "2.0", "id": 1, "method": "media.listMedia", "params": asked}
            page = client.post(served.url, json=document).json()["result"]
            yield page
            asked["cursor"] = page["nextCursor"]


def test_ten_searches_at_once_hold_up_nobody(deployment, served):
    """Each goes through names of which none is found, page after page."""
    token = deployment.token("attacker")

    others = watched(served.running.pid, served.origin, deployment.token("somebody-else"))
    with others, ThreadPoolExecutor(AT_ONCE) as threads:
        searches = [threads.submit(lambda: list(pages(served, token))) for _ in range(AT_ONCE)]

    found = [page for search in searches for page in search.result()]
    assert len(found) == AT_ONCE * PAGES
    assert [media for page in found for media in page["items"]] == []


async def test_a_search_looks_at_as_many_names_as_its_budget_is_for(call, database_url, monkeypatch):
    """Each page begins where the last one stopped, and the last is known by its cursor."""
    monkeypatch.setattr(library, "SEARCH_BUDGET", 25 * PART_COST)
    load_media(database_url, "ada", 99)

    looked, page = 0, await call("media.listMedia", search=PART)
    while page.next_cursor is not None:
        assert page.items == []
        looked, page = looked + 1, await call("media.listMedia", search=PART, cursor=str(page.next_cursor))

    assert looked == 3


async def test_a_name_of_accents_costs_what_it_takes_to_normalise_it(call, database_url, monkeypatch):
    """The square of its length: of such names a page looks at few."""
    name = "a" + "\u0345\u0323" * 127
    monkeypatch.setattr(library, "SEARCH_BUDGET", 5 * 6 * len(name) ** 2)
    load_media(database_url, "ada", 9, name)

    page = await call("media.listMedia", search=PART)
    assert page.next_cursor is not None
    assert (await call("media.listMedia", search=PART, cursor=str(page.next_cursor))).next_cursor is None


async def test_a_name_of_phrases_costs_what_it_takes_to_write_them_out(call, database_url, monkeypatch):
    """A character that stands for eighteen: of such names a page looks at few."""
    monkeypatch.setattr(library, "SEARCH_BUDGET", 5 * (5000 * 255 + 6 * 255**2))
    load_media(database_url, "ada", 9, "\ufdfa" * 255)

    page = await call("media.listMedia", search=PART)
    assert page.next_cursor is not None
    assert (await call("media.listMedia", search=PART, cursor=str(page.next_cursor))).next_cursor is None


async def test_a_search_goes_on_where_it_stopped(call, completed_media, monkeypatch):
    """With a budget for one name each page looks at one, and in the end each was looked at once."""
    monkeypatch.setattr(library, "SEARCH_BUDGET", 1)
    made = [(await completed_media(filename=filename)).id for filename in ("cat.jpg", "dog.jpg", "Cat.png")]

    page = await call("media.listMedia", search="CAT", limit=2)
    seen = [[media.id for media in page.items]]
    while page.next_cursor is not None:
        page = await call("media.listMedia", search="CAT", limit=2, cursor=str(page.next_cursor))
        seen.append([media.id for media in page.items])

    assert seen == [[made[2]], [], [made[0]], []]
