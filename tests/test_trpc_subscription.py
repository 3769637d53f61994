"""`media.watch` through a stock httpSubscriptionLink, in Node.js with a stock EventSource: told, resumed, ended."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests import media_files
from tests.deployment import Deployment
from tests.processes import Running, Site, until
from tests.relay import relay_to

PHOTO = media_files.photo()
LIFE = ["upload.started", "media.processing", *["media.progress"] * 3, "media.ready"]
EVENTS = len(LIFE)


@dataclass(frozen=True)
class Following:
    """A subscriber in a process of its own."""

    program: Running

    @property
    def lines(self) -> list[Any]:
        """Everything that it has said."""
        return [json.loads(line) for line in self.program.output.splitlines(keepends=True) if line.endswith("\n")]

    @property
    def events(self) -> list[tuple[str, str]]:
        """Type and media of each event that it was told, in the order of arrival."""
        return [(line["type"], line["mediaId"]) for line in self.lines if "type" in line]

    @property
    def ids(self) -> list[int]:
        """Their ids."""
        return [int(line["id"]) for line in self.lines if "type" in line]

    def hears(self, number: int) -> list[tuple[str, str]]:
        """The events, once there are so many."""
        until(lambda: len(self.events) >= number)
        return self.events

    def says(self, **told: Any) -> None:
        """Return once it has said something."""
        until(lambda: told in self.lines)

    @property
    def error(self) -> Any:
        """What it was refused with, once it was."""
        until(lambda: any("error" in line for line in self.lines))
        (told,) = [line["error"] for line in self.lines if "error" in line]
        return told


@pytest.fixture(scope="session")
def follow(web_app):
    """Start a subscriber, compiled strictly against the package."""
    assert web_app.compile("client.ts", "errors.ts", "follow.ts", types=["node"]) == ""

    @contextmanager
    def start(**order: Any) -> Iterator[Following]:
        with web_app.start("follow.js", **order) as program:
            yield Following(program)

    return start


@pytest.fixture
def site(deployment: Deployment, user: str) -> Site:
    """The server that stays, as the user calls it."""
    return deployment.site(user)


def life_of(media_id: str) -> list[tuple[str, str]]:
    """What is told of an upload."""
    return [(event, media_id) for event in LIFE]


def test_an_upload_is_told_while_it_happens(follow, deployment, site):
    """Each step in its order, after the ones that the log had already."""
    past = site.upload(PHOTO)
    with follow(url=deployment.served.url, token=site.token) as following:
        assert following.hears(EVENTS) == life_of(past)
        present = site.upload(PHOTO)
        assert following.hears(2 * EVENTS) == [*life_of(past), *life_of(present)]
        site.rpc("media.deleteMedia", mediaId=past)
        assert following.hears(2 * EVENTS + 1)[2 * EVENTS :] == [("media.deleted", past)]
        assert following.ids == sorted(set(following.ids))
        assert [line["state"] for line in following.lines if "state" in line] == ["connecting", "pending"]


def test_one_media_is_followed(follow, deployment, site):
    """Nothing is told of the others."""
    told = {"filename": "a.jpg", "contentType": "image/jpeg", "size": 1}
    one, other = (site.rpc("media.initiateUpload", **told)["mediaId"] for _ in range(2))
    with follow(url=deployment.served.url, token=site.token, mediaId=one) as following:
        following.hears(1)
        site.rpc("media.cancelUpload", mediaId=other)
        site.rpc("media.cancelUpload", mediaId=one)
        assert following.hears(2) == [("upload.started", one), ("media.deleted", one)]


def test_a_server_that_ends_and_comes_back_is_resumed(follow, deployment, site):
    """What happens while it is away is told by the one that takes its port: nothing is missed, nothing comes twice."""
    with deployment.another_server() as first:
        port = first.origin.rpartition(":")[2]
        with follow(url=first.url, token=site.token) as following:
            before = site.upload(PHOTO)
            following.hears(EVENTS)
            assert first.running.stop(signal.SIGTERM) == 0
            meanwhile = site.upload(PHOTO)
            with deployment.another_server(PORT=port) as second:
                following.hears(2 * EVENTS)
                after = site.upload(PHOTO)
                assert following.hears(3 * EVENTS) == [*life_of(before), *life_of(meanwhile), *life_of(after)]
                assert following.ids == sorted(set(following.ids))
                assert not any("error" in line for line in following.lines)
            (ended,) = first.logged("subscription")
            until(lambda: second.logged("subscription"))
            assert (ended["events"], second.logged("subscription")[0]["events"]) == (EVENTS, 2 * EVENTS)


def test_a_connection_that_is_cut_is_resumed(follow, deployment, site):
    """The server stays; what happens while it is out of reach is told later, nothing is missed, nothing comes twice."""
    port = int(deployment.variables["PORT"])
    with relay_to(port) as relay, follow(url=f"{relay.origin}/rpc", token=site.token) as following:
        before = site.upload(PHOTO)
        following.hears(EVENTS)
        relay.cut()
        meanwhile = site.upload(PHOTO)
        relay.mend()
        following.hears(2 * EVENTS)
        after = site.upload(PHOTO)
        assert following.hears(3 * EVENTS) == [*life_of(before), *life_of(meanwhile), *life_of(after)]
        assert following.ids == sorted(set(following.ids))
        assert not any("error" in line for line in following.lines)


def test_a_subscriber_that_leaves_ends_its_subscription(follow, deployment, user, site):
    """The server's log says so, and how much it was told; the subscriber's process goes on."""
    with follow(url=deployment.served.url, token=site.token) as following:
        site.upload(PHOTO)
        following.hears(EVENTS)
        assert deployment.served.logged("subscription", caller=user) == []
        following.program.process.send_signal(signal.SIGUSR2)
        following.says(left=True)
        until(lambda: deployment.served.logged("subscription", caller=user))
        assert following.program.process.poll() is None
    (ended,) = deployment.served.logged("subscription", caller=user)
    assert (ended["procedure"], ended["outcome"], ended["events"]) == ("media.watch", "ok", EVENTS)


@pytest.mark.parametrize(
    ("order", "code", "key", "message"),
    [
        ({"token": "bad"}, 1003, "UNAUTHORIZED", "Invalid token"),
        ({"token": ""}, 1000, "UNAUTHORIZED", "Authentication required"),
        ({"mediaId": "00000000-0000-4000-8000-000000000000"}, 1300, "NOT_FOUND", "Media not found"),
        ({"mediaId": "7"}, 1200, "BAD_REQUEST", "Invalid media ID format"),
    ],
    ids=["bad token", "no token", "nobody's media", "bad id"],
)
def test_a_refused_subscription_ends_with_its_error(follow, deployment, site, order, code, key, message):
    """Told once, with its number, and in the log under its request's id."""
    with follow(**{"url": deployment.served.url, "token": site.token, **order}) as following:
        error = following.error
        assert (error["rpcCode"], error["key"], error["message"]) == (code, key, message)
        until(lambda: deployment.served.logged("subscription", request_id=error["requestId"], outcome=code))
        assert [line["state"] for line in following.lines if "state" in line] == ["connecting", "pending"]


def test_tokens_stay_out_of_the_log(follow, deployment, user, site):
    """Though they stand in the URL."""
    with follow(url=deployment.served.url, token=site.token) as following:
        site.upload(PHOTO)
        following.hears(EVENTS)
    until(lambda: deployment.served.logged("subscription", caller=user))
    assert site.token not in deployment.served.running.output
    assert "connectionParams" not in deployment.served.running.output
