"""The npm package's links for tRPC's client, in Node.js: tokens that end, subscriptions that go on."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.deployment import SECRET, Deployment
from tests.processes import Site, until
from tests.relay import relay_to
from tests.test_trpc_subscription import EVENTS, PHOTO, Following, life_of


@pytest.fixture(scope="session")
def program(web_app):
    """The compiled program."""
    assert web_app.compile("client.ts", "errors.ts", "links.ts", types=["node"]) == ""
    return web_app


@pytest.fixture
def client(program, deployment, user):
    """Start a client of the user's, whose tokens live for so many seconds each."""

    @contextmanager
    def start(*lives: int, follows: bool = True, **order: Any) -> Iterator[Following]:
        told = {"url": deployment.served.url, "user": user, "secret": SECRET, "lives": lives, "follows": follows}
        with program.start("links.js", **{**told, **order}) as started:
            yield Following(started)

    return start


@pytest.fixture
def site(deployment: Deployment, user: str) -> Site:
    """The server, as the user calls it."""
    return deployment.site(user)


def tokens(following: Following) -> int:
    """For how many tokens the client has asked."""
    return sum("token" in line for line in following.lines)


def test_a_subscription_outlives_its_token(client, deployment, site):
    """One of three seconds, over ten: twice cut off after its end, it goes on with a fresh one and misses nothing."""
    began = time.monotonic()
    with relay_to(int(deployment.variables["PORT"])) as relay, client(3, url=f"{relay.origin}/rpc") as following:
        following.says(state="pending")
        media = [site.upload(PHOTO)]
        following.hears(EVENTS)
        for _ in range(2):
            time.sleep(3.5)
            relay.cut()
            media.append(site.upload(PHOTO))
            relay.mend()
            following.hears(len(media) * EVENTS)
        media.append(site.upload(PHOTO))
        events = following.hears(4 * EVENTS)

    assert events == [event for media_id in media for event in life_of(media_id)]
    assert following.ids == sorted(set(following.ids))
    assert not any("error" in line for line in following.lines)
    assert tokens(following) == 3
    assert time.monotonic() - began > 10


def test_a_subscription_that_is_refused_again_and_again_is_an_error(client, deployment):
    """After five fresh tokens in a row, with pauses between them that take some ten seconds."""
    with client(-1) as following:
        error = following.error

    assert (error["rpcCode"], error["key"]) == (1002, "UNAUTHORIZED")
    assert tokens(following) == 6


def test_a_call_is_made_again_with_a_fresh_token(client):
    """The query, whose token has ended, and not the mutation, whose token is good."""
    with client(-1, 60, follows=False) as told:
        until(lambda: told.program.process.poll() is not None)

    answered = [line for line in told.lines if "status" in line]
    assert tokens(told) == 3
    assert answered[0] == {"status": "fulfilled"}
    assert (answered[1]["status"], answered[1]["error"]["rpcCode"]) == ("rejected", 1200)


def test_a_call_that_is_refused_twice_is_an_error(client):
    """Nobody is asked for a third token."""
    with client(-1, follows=False) as told:
        until(lambda: told.program.process.poll() is not None)

    answered = [line for line in told.lines if "status" in line]
    assert [line["error"]["rpcCode"] for line in answered] == [1002, 1002]
    assert tokens(told) == 4
