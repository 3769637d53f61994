"""Tokens that are checked with published keys: RS256, ES256 and EdDSA, and what a JWKS server in trouble means."""

import json
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from rpc.auth import AuthConfig
from server.embedded import free_port
from tests import logs
from tests.sample_procedures import SAMPLES, serving
from tests.tokens import (
    SECRET,
    Publisher,
    by_hand,
    claims,
    public_pem,
    publishing,
    signed,
    token,
)

INVALID = (401, {"code": 1003, "message": "Invalid token"})
UNAVAILABLE = (500, {"code": 1903, "message": "Service unavailable", "details": {"service": "authentication"}})
ADA: tuple[int, Any] = (200, {"id": "ada", "plan": None, "scopes": []})


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with publishing() as published:
        yield published


async def whoami(credential: str, url: str, jwt_secret: str | None = None) -> tuple[int, Any]:
    """HTTP status, and the caller that the server sees or the error."""
    async with serving(auth=AuthConfig(jwks_url=url, jwt_secret=jwt_secret)) as client:
        headers = {"authorization": f"Bearer {credential}"}
        answer = await client.post("/rpc", json={"procedure": "whoami"}, headers=headers)
    told = answer.json()
    return answer.status_code, told["data"] if told["success"] else told["error"]


async def test_a_token_of_a_published_key_is_accepted(subtests: pytest.Subtests, publisher: Publisher) -> None:
    for secret, name in product((None, SECRET), ("rsa", "ec", "ed")):
        with subtests.test(name=name, secret=secret):
            assert await whoami(signed(name), publisher.url, secret) == ADA


async def test_a_secret_works_beside_published_keys(publisher: Publisher) -> None:
    """Nobody is asked for a key then."""
    assert await whoami(token(), publisher.url, SECRET) == ADA
    assert publisher.asked == 0


async def test_a_token_of_a_published_key_expires_too(publisher: Publisher) -> None:
    expected = (401, {"code": 1002, "message": "Session expired"})
    assert await whoami(signed("rsa", exp=1), publisher.url) == expected


async def test_a_public_key_is_no_secret(subtests: pytest.Subtests, publisher: Publisher) -> None:
    """An HMAC made with the published key, as PEM, convinces nobody."""
    for secret, name in product((None, SECRET), ("rsa", "ec", "ed")):
        with subtests.test(name=name, secret=secret):
            pem = public_pem(name)
            for algorithm in ("HS256", "RS256", "ES256", "EdDSA"):
                forged = by_hand({"alg": algorithm, "kid": name}, claims(), pem)
                assert await whoami(forged, publisher.url, secret) == INVALID


async def test_a_published_key_is_no_secret_without_published_keys() -> None:
    """With a secret alone, an RS256 token is refused, not fetched for."""
    async with serving(auth=AuthConfig(jwt_secret=SECRET)) as client:
        headers = {"authorization": f"Bearer {signed('rsa')}"}
        answer = await client.post("/rpc", json={"procedure": "whoami"}, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == INVALID


REFUSED = {
    "unknown-kid": lambda: signed("rsa", kid="unknown"),
    "kid-of-another-key": lambda: signed("rsa", kid="ec"),
    "no-kid": lambda: by_hand({"alg": "RS256"}, claims()),
    "kid-is-a-number": lambda: by_hand({"alg": "RS256", "kid": 7}, claims()),
    "kid-is-a-list": lambda: by_hand({"alg": "RS256", "kid": ["rsa"]}, claims()),
    "algorithm-none": lambda: by_hand({"alg": "none", "kid": "rsa"}, claims(), None),
    "algorithm-not-accepted": lambda: by_hand({"alg": "RS512", "kid": "rsa"}, claims()),
    "algorithm-is-a-list": lambda: by_hand({"alg": ["RS256"], "kid": "rsa"}, claims()),
    "no-algorithm": lambda: by_hand({"kid": "rsa"}, claims()),
    "nested-header": lambda: by_hand(b"[" * 100_000, claims()),
    "nested-payload": lambda: by_hand({"alg": "RS256", "kid": "rsa"}, b"[" * 100_000),
    "cut-off": lambda: signed("rsa")[:-8],
    "no-sub": lambda: signed("rsa", sub=None),
    "secret-that-is-not-set": token,
    "garbage": lambda: "garbage",
}


async def test_a_bad_token_is_invalid(subtests: pytest.Subtests, publisher: Publisher) -> None:
    for case, credential in REFUSED.items():
        with subtests.test(case):
            assert await whoami(credential(), publisher.url) == INVALID


async def test_a_key_in_the_token_itself_is_not_believed(publisher: Publisher) -> None:
    """Neither `jwk` nor `jku` of a header says what to check with."""
    header = {
        "alg": "RS256",
        "kid": "mine",
        "jku": publisher.url,
        "jwk": {"kty": "oct", "k": "c2VjcmV0", "kid": "mine"},
    }
    assert await whoami(by_hand(header, claims(), b"secret"), publisher.url) == INVALID


async def test_a_jwks_server_that_is_down_is_named() -> None:
    """The token may be good: nobody is told to log in again."""
    assert await whoami(signed("rsa"), f"http://127.0.0.1:{free_port()}/jwks.json") == UNAVAILABLE


NO_KEYS = {
    "error": (500, b"{}"),
    "not-found": (404, b""),
    "no-json": (200, b"<html>maintenance</html>"),
    "no-text": (200, b"\xff\xfe\xff"),
    "no-object": (200, b"[]"),
    "no-keys": (200, b"{}"),
    "no-key": (200, b'{"keys":[]}'),
}


async def test_a_jwks_server_that_publishes_no_key_is_named(subtests: pytest.Subtests, publisher: Publisher) -> None:
    """A good token is not called invalid for what its issuer's server answers."""
    for case, (status, body) in NO_KEYS.items():
        with subtests.test(case, status=status, body=body):
            publisher.status, publisher.body = status, body
            assert await whoami(signed("rsa"), publisher.url) == UNAVAILABLE


async def test_a_jwks_server_in_trouble_does_not_show_in_reply_or_log() -> None:
    port = free_port()
    with logs.rendered() as log:
        _, told = await whoami(signed("rsa"), f"http://127.0.0.1:{port}/jwks.json")
    assert logs.calls(log)[0]["outcome"] == 1903
    for secret in (f":{port}", "jwks.json", "refused", signed("rsa").split(".")[0]):
        assert secret not in log.getvalue()
        assert secret not in json.dumps(told)


async def test_keys_are_fetched_once_for_many_requests(publisher: Publisher) -> None:
    async with serving(auth=AuthConfig(jwks_url=publisher.url)) as client:
        for name in ("rsa", "ec", "ed"):
            headers = {"authorization": f"Bearer {signed(name)}"}
            assert (await client.post("/rpc", json={"procedure": "whoami"}, headers=headers)).status_code == 200
    assert publisher.asked == 1


@pytest.mark.parametrize(("status", "code"), [(200, None), (500, 1903)], ids=["good", "unavailable"])
async def test_a_batch_is_authenticated_once(publisher: Publisher, status: int, code: int | None) -> None:
    """However many of its calls need a caller, and whatever comes of it."""
    publisher.status = status
    batch = [{"jsonrpc": "2.0", "method": "whoami", "id": number} for number in range(5)]
    async with serving(SAMPLES, auth=AuthConfig(jwks_url=publisher.url)) as client:
        answer = await client.post("/rpc", json=batch, headers={"authorization": f"Bearer {signed('rsa')}"})
    assert [member.get("error", {}).get("code") for member in answer.json()] == [code] * 5
    assert publisher.asked == 1
