"""Tokens that only the authorization server can judge: which are asked about, how, and what answers mean."""

import base64
import json
import time
from itertools import product
from typing import Any

import pytest

from contracts.errors import InvalidToken
from rpc.introspection import open_introspection
from server.resources import introspecting
from server.settings import Settings
from tests.authorization_server import authorization_server
from tests.introspected import ADA, EXPIRED, INVALID, MISSING, OPAQUE, ask, introspected, whoami
from tests.tokens import OTHER_SECRET, SECRET, by_hand, claims, publishing, signed, token


@pytest.fixture
async def server():
    """An authorization server that knows ada's session."""
    async with authorization_server() as running:
        running.tokens[OPAQUE] = {"sub": "ada"}
        yield running


async def test_the_token_is_posted_as_a_form(server):
    """At the path as set, its last slash included; the token is in the body and nowhere else."""
    assert await whoami(OPAQUE, server.url) == ADA
    (asked,) = server.asked
    assert asked.path == "/introspect/"
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert asked.form == {"token": [OPAQUE]}
    assert [name for name, value in asked.headers.items() if OPAQUE in value] == []
    assert "authorization" not in asked.headers


async def test_the_client_credentials_are_form_encoded_in_basic(server):
    """As RFC 6749 section 2.3.1 has it: neither a colon nor a plus is taken for what it is not."""
    settings = Settings(
        auth_introspection_url=server.url,
        auth_introspection_client_id="media:api +ö",
        auth_introspection_client_secret="p%ss:wörd",
    )
    async with introspecting(settings) as introspection:
        assert introspection is not None
        assert await introspection.claims(OPAQUE) == {"active": True, "sub": "ada"}
    scheme, _, encoded = server.asked[0].headers["Authorization"].partition(" ")
    assert (scheme, base64.b64decode(encoded)) == ("Basic", b"media%3Aapi+%2B%C3%B6:p%25ss%3Aw%C3%B6rd")


async def test_without_the_setting_nobody_is_asked():
    async with introspecting(Settings()) as introspection:
        assert introspection is None


async def test_the_session_is_closed_with_the_resources(server):
    async with open_introspection(server.url) as introspection:
        assert await introspection.claims(OPAQUE)
    assert introspection._session.closed


@pytest.mark.parametrize(
    "credential",
    ["x" * 8193, "ä" * 20, "a\tb", "a\x7fb"],
    ids=["8193-characters", "not-ascii", "tab", "delete"],
)
async def test_what_no_token_looks_like_is_not_asked_about(server, credential):
    async with introspecting(Settings(auth_introspection_url=server.url)) as introspection:
        assert introspection is not None
        with pytest.raises(InvalidToken):
            await introspection.claims(credential)
    assert server.asked == []


async def test_a_token_of_8192_characters_is_asked_about(server):
    server.tokens["x" * 8192] = {"sub": "ada"}
    assert await whoami("x" * 8192, server.url) == ADA


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer "}, {"authorization": "Basic YTpi"}], ids=str)
async def test_without_a_token_nobody_is_asked(server, headers):
    async with introspected(server.url) as client:
        assert await ask(client, headers) == MISSING
    assert server.asked == []


async def test_a_session_cookie_is_introspected(server):
    """The value goes out as it came in, percent signs included."""
    server.tokens["abc.d%2Be%3D"] = {"sub": "ada"}
    async with introspected(server.url, cookie="app.session_token") as client:
        assert await ask(client, {"cookie": "theme=dark; app.session_token=abc.d%2Be%3D"}) == ADA
        assert await ask(client, {"cookie": "app.session_token=unknown"}) == INVALID


FLASK_SESSION = "eyJ1c2VyIjoiYWRhIn0.aLhQ1A.c2lnbmF0dXJl"  # base64url of {"user":"ada"}, a time, a signature
NO_JWT = {
    "opaque": OPAQUE,
    "two-parts": "abc.def",
    "five-parts": "eyJhbGciOiJkaXIifQ..a.b.c",
    "three-parts-without-algorithm": FLASK_SESSION,
    "three-parts-without-json": "abc.def.ghi",
    "header-is-a-list": by_hand([], claims()),
}


async def test_what_is_no_jwt_is_introspected(subtests, server):
    for jwts, (case, credential) in product(({}, {"jwt_secret": SECRET}), NO_JWT.items()):
        with subtests.test(case, credential=credential, jwts=jwts):
            server.tokens[credential] = {"sub": "grace"}
            server.asked.clear()
            assert await whoami(credential, server.url, **jwts) == (200, {"id": "grace", "plan": None, "scopes": []})
            assert len(server.asked) == 1


async def test_a_jwt_is_introspected_when_nothing_else_can_check_it(server):
    """It is worth what the authorization server says, not what it claims."""
    credential = token(sub="mallory")
    server.tokens[credential] = {"sub": "ada"}
    assert await whoami(credential, server.url) == ADA
    assert await whoami(token(sub="grace"), server.url) == INVALID


@pytest.mark.parametrize(
    ("credential", "expected"),
    [
        (token(), ADA),
        (token(exp=1), EXPIRED),
        (token(OTHER_SECRET), INVALID),
        (by_hand({"alg": "none"}, claims(), None), INVALID),
        (by_hand({"alg": "RS256"}, claims()), INVALID),
    ],
    ids=["good", "expired", "wrong-key", "algorithm-none", "algorithm-not-set-up"],
)
async def test_a_jwt_is_never_introspected_beside_a_secret(server, credential, expected):
    """Else a JWT that is refused here could be tried there."""
    server.tokens[credential] = {"sub": "mallory"}
    assert await whoami(credential, server.url, jwt_secret=SECRET) == expected
    assert server.asked == []


async def test_a_jwt_is_never_introspected_beside_published_keys(server):
    with publishing() as publisher:
        assert await whoami(signed("rsa"), server.url, jwks_url=publisher.url) == ADA
        assert await whoami(token(), server.url, jwks_url=publisher.url) == INVALID
        assert server.asked == []
        assert await whoami(OPAQUE, server.url, jwks_url=publisher.url) == ADA


GOOD: dict[str, tuple[dict[str, Any], Any]] = {
    "sub-alone": ({}, ADA[1]),
    "plan": ({"plan": "pro"}, {"id": "ada", "plan": "pro", "scopes": []}),
    "scopes": ({"scope": "service read"}, {"id": "ada", "plan": None, "scopes": ["read", "service"]}),
    "members-that-are-null": ({"plan": None, "scope": None, "exp": None, "aud": None, "iss": None}, ADA[1]),
    "members-that-are-not-read": ({"username": "x", "client_id": "y", "nbf": 9999999999, "token_type": "z"}, ADA[1]),
    "exp-beyond-any-date": ({"exp": 10**30}, ADA[1]),
}


async def test_an_active_token_names_its_caller(subtests, server):
    for case, (different, caller) in GOOD.items():
        with subtests.test(case, different=different):
            server.tokens[OPAQUE] = {"sub": "ada", **different}
            assert await whoami(OPAQUE, server.url) == (200, caller)


@pytest.mark.parametrize("seconds", [600, 600.5, -1], ids=["whole", "with-a-fraction", "a-little-ago"])
async def test_an_active_token_may_tell_its_end(server, seconds):
    """Clocks differ by seconds."""
    server.tokens[OPAQUE] = {"sub": "ada", "exp": int(time.time()) + seconds}
    assert await whoami(OPAQUE, server.url) == ADA


BAD: dict[str, dict[str, Any]] = {
    "no-sub": {"sub": None},
    "sub-empty": {"sub": ""},
    "sub-of-65-characters": {"sub": "a" * 65},
    "sub-with-a-newline": {"sub": "ada\n"},
    "sub-is-a-number": {"sub": 7},
    "sub-is-a-list": {"sub": ["ada"]},
    "plan-unknown": {"plan": "gold"},
    "plan-is-a-list": {"plan": ["free"]},
    "scope-is-a-list": {"scope": ["service"]},
    "exp-is-text": {"exp": "9999999999"},
    "exp-is-true": {"exp": True},
}


async def test_an_active_token_with_members_of_another_kind_is_invalid(subtests, server):
    """As a JWT with such claims is."""
    for case, different in BAD.items():
        with subtests.test(case, different=different):
            server.tokens[OPAQUE] = {"sub": "ada", **different}
            assert await whoami(OPAQUE, server.url) == INVALID


async def test_an_inactive_token_is_invalid(server):
    """The authorization server does not say why, and neither is it said here."""
    assert await whoami("unknown", server.url) == INVALID


async def test_an_inactive_token_is_worth_nothing_else_that_is_told_of_it(server):
    server.body = json.dumps({"active": False, "sub": "ada", "exp": 9999999999}).encode()
    assert await whoami(OPAQUE, server.url) == INVALID


async def test_an_active_token_that_has_expired_is_expired(server):
    """By our clock, with the seconds by which clocks may differ."""
    server.tokens[OPAQUE] = {"sub": "ada", "exp": int(time.time()) - 60}
    assert await whoami(OPAQUE, server.url) == EXPIRED


ISSUER = "https://id.example"


TOLD: dict[str, tuple[dict[str, Any], tuple[int, Any]]] = {
    "both": ({"iss": ISSUER, "aud": "media"}, ADA),
    "one-of-two-audiences": ({"iss": ISSUER, "aud": ["web", "media"]}, ADA),
    "neither-told": ({}, ADA),
    "wrong-issuer": ({"iss": "https://other.example", "aud": "media"}, INVALID),
    "issuer-is-a-list": ({"iss": [ISSUER], "aud": "media"}, INVALID),
    "wrong-audience": ({"iss": ISSUER, "aud": "web"}, INVALID),
    "no-audience": ({"iss": ISSUER, "aud": []}, INVALID),
    "audience-is-a-number": ({"iss": ISSUER, "aud": 7}, INVALID),
    "audience-is-an-object": ({"iss": ISSUER, "aud": {"media": True}}, INVALID),
}


async def test_issuer_and_audience_must_be_as_set_where_they_are_told(subtests, server):
    """The RFC leaves both to the server, which knows already who asks."""
    for case, (different, expected) in TOLD.items():
        with subtests.test(case, different=different):
            server.tokens[OPAQUE] = {"sub": "ada", **different}
            assert await whoami(OPAQUE, server.url, issuer=ISSUER, audience="media") == expected


async def test_without_the_settings_issuer_and_audience_may_be_any(server):
    server.tokens[OPAQUE] = {"sub": "ada", "iss": "anyone", "aud": "anything"}
    assert await whoami(OPAQUE, server.url) == ADA
