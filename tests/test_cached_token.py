"""The npm package's `cachedToken`, in Node.js: an app is asked for a token as rarely as may be."""

import pytest

from tests.deployment import SECRET


@pytest.fixture(scope="session")
def program(web_app):
    """The compiled program."""
    assert web_app.compile("kept.ts", types=["node"]) == ""
    return web_app


@pytest.fixture
def upload(program, deployment, user):
    """Upload files one after the other; what came of each, and for how many tokens the app was asked."""

    def run(files: int, *lives: int, **order):
        told = {"url": deployment.served.url, "user": user, "secret": SECRET, "lives": lives, "files": files, **order}
        return program.answer("kept.js", **told)

    return run


def test_a_token_is_kept_for_as_long_as_it_is_good(upload):
    """Three uploads take six calls, and one token."""
    assert upload(3, 3600) == {"asked": 1, "outcomes": ["a.gif"] * 3}


def test_one_that_is_about_to_end_is_replaced(upload):
    """Before each call here: clocks differ, so ten seconds before its end it is good no more."""
    assert upload(1, 9) == {"asked": 2, "outcomes": ["a.gif"]}


def test_one_that_the_server_refuses_is_replaced(upload):
    """The call is made again by the next one."""
    assert upload(2, 60, 3600, refused=60) == {"asked": 2, "outcomes": ["a.gif"] * 2}


def test_two_in_a_row_that_are_refused_are_an_error(upload):
    """The next call begins with another one."""
    assert upload(2, 60, 60, 3600, refused=60) == {"asked": 3, "outcomes": ["Invalid token", "a.gif"]}
