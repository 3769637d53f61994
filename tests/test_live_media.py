"""The npm package's live list, in Node.js: pages of media that follow what happens to them."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests import media_files
from tests.deployment import Deployment
from tests.processes import Running, Site, until
from tests.relay import relay_to

PHOTO = media_files.photo()


@dataclass
class Gallery:
    """A page that shows its caller's media."""

    program: Running

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.program.output.splitlines(keepends=True) if line.endswith("\n")]

    @property
    def lists(self) -> list[Any]:
        """Each list that it has shown."""
        return [line for line in self.lines if "items" in line]

    @property
    def ids(self) -> list[str]:
        """The ids in its list now."""
        return [item["id"] for item in self.lists[-1]["items"]] if self.lists else []

    def shows(self, *states: tuple[str, str]) -> Any:
        """The list, once it holds these media in these states, newest first."""
        until(
            lambda: (
                [(item["id"], item["status"]) for item in (self.lists or [{"items": []}])[-1]["items"]] == list(states)
            )
        )
        return self.lists[-1]

    def act(self, number: int = 1) -> Any:
        """Do the next thing; what it says of it."""
        done = [line for line in self.lines if "done" in line]
        self.program.process.send_signal(signal.SIGUSR2)
        until(lambda: len([line for line in self.lines if "done" in line]) > len(done))
        return next(line for line in reversed(self.lines) if "done" in line)


@pytest.fixture(scope="session")
def program(web_app):
    """The compiled program."""
    assert web_app.compile("client.ts", "errors.ts", "gallery.ts", types=["node"]) == ""
    return web_app


@pytest.fixture
def site(deployment: Deployment, user: str) -> Site:
    """The server, as the user calls it."""
    return deployment.site(user)


@pytest.fixture
def gallery(program, site):
    """Open a gallery of the user's."""

    @contextmanager
    def start(*actions: str, url: str | None = None, **options: Any) -> Iterator[Gallery]:
        order = {"url": url or f"{site.origin}/rpc", "token": site.token, "actions": actions, "options": options}
        with program.start("gallery.js", **order) as started:
            yield Gallery(started)

    return start


def test_a_list_follows_what_happens(gallery, site):
    """What was there is there, what comes appears at the top and becomes ready, what is deleted goes."""
    old = site.upload(PHOTO)
    with gallery() as page:
        page.shows((old, "ready"))
        new = site.upload(PHOTO)
        page.shows((new, "ready"), (old, "ready"))
        site.rpc("media.deleteMedia", mediaId=old)
        last = page.shows((new, "ready"))

    assert (last["hasMore"], last["error"]) == (False, None)


def test_progress_is_shown_as_it_is_made(gallery, site):
    """A video has steps, of which its encoding has percents."""
    with gallery() as page:
        video = site.upload(media_files.video(), "walk.mp4", "video/mp4")
        page.shows((video, "ready"))
        steps = [(item["stage"], item["progress"]) for shown in page.lists for item in shown["items"]]

    assert "encoding" in {stage for stage, _ in steps}
    assert steps[-1][0] is None


def test_unfinished_uploads_and_other_kinds_are_not_in_it(gallery, site):
    """It holds what `media.listMedia` answers: by its type, and no upload that is not complete."""
    with gallery(type="image") as page:
        site.rpc("media.initiateUpload", filename="a.jpg", contentType="image/jpeg", size=3)
        site.upload(media_files.video(), "walk.mp4", "video/mp4")
        photo = site.upload(PHOTO)
        page.shows((photo, "ready"))

    assert {item["id"] for shown in page.lists for item in shown["items"]} == {photo}


def test_a_state_may_be_asked_for(gallery, site):
    """What leaves it leaves the list."""
    with gallery(status="pending") as page:
        ticket = site.rpc("media.initiateUpload", filename="a.jpg", contentType="image/jpeg", size=len(PHOTO))
        page.shows((ticket["mediaId"], "pending"))
        httpx.put(ticket["uploadUrl"], content=PHOTO, headers=ticket["headers"]).raise_for_status()
        site.rpc("media.completeUpload", mediaId=ticket["mediaId"])
        page.shows()


def test_pages_are_loaded_in_their_order(gallery, site):
    """What comes while there is more stands at the top, and what changes beyond the last page waits for its own."""
    media = [site.upload(PHOTO) for _ in range(5)]
    with gallery("more", "more", limit=2) as page:
        until(lambda: page.ids == media[:2:-1])
        assert page.lists[-1]["hasMore"] is True
        newest = site.upload(PHOTO)
        until(lambda: page.ids == [newest, *media[:2:-1]])
        site.rpc("media.deleteMedia", mediaId=media[1])
        page.act()
        until(lambda: page.ids == [newest, *media[:1:-1], media[0]])
        page.act()
        assert page.ids == [newest, *media[:1:-1], media[0]]
        until(lambda: page.lists[-1]["hasMore"] is False)


def test_a_hidden_page_holds_no_connection_and_misses_nothing(gallery, site):
    """A browser has six to one host: a page in the background gives its own back."""
    with gallery("hide", "show", "close") as page:
        first = site.upload(PHOTO)
        page.shows((first, "ready"))
        assert page.act()["connections"] == 0
        second = site.upload(PHOTO)
        site.rpc("media.deleteMedia", mediaId=first)
        assert page.ids == [first]
        assert page.act()["connections"] == 1
        page.shows((second, "ready"))
        assert page.act()["connections"] == 0
        site.upload(PHOTO)
        assert page.ids == [second]


def test_a_connection_that_breaks_is_gone_on_with(gallery, deployment, site):
    """Nothing is missed, and no error is shown."""
    with relay_to(int(deployment.variables["PORT"])) as relay, gallery(url=f"{relay.origin}/rpc") as page:
        first = site.upload(PHOTO)
        page.shows((first, "ready"))
        relay.cut()
        second = site.upload(PHOTO)
        relay.mend()
        page.shows((second, "ready"), (first, "ready"))

    assert {shown["error"] for shown in page.lists} == {None}


def test_a_page_that_cannot_be_had_is_an_error_until_it_can(gallery, site, program):
    """`more` tries again."""
    order = {"url": f"{site.origin}/rpc", "token": "bad", "actions": ["more"], "options": {}}
    with program.start("gallery.js", **order) as started:
        page = Gallery(started)
        until(lambda: page.lists and page.lists[-1]["error"] == "Invalid token")
        failures = len(page.lists)
        page.act()
        until(lambda: len(page.lists) > failures and page.lists[-1]["error"] == "Invalid token")
