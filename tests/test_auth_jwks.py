"""Tokens that are checked with published keys: RS256, ES256 and EdDSA, and what a JWKS server in trouble means."""

import json
from collections.abc import Iterator
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


@pytest.mark.parametrize("secret", [None, SECRET], ids=["jwks-alone", "beside-a-secret"])
@pytest.mark.parametrize("name", ["rsa", "ec", "ed"], ids=["RS256", "ES256", "EdDSA"])
async def test_a_token_of_a_published_key_is_accepted(publisher: Publisher, name: str, secret: str | None) -> None:
    assert await whoami(signed(name), publisher.url, secret) == ADA


async def test_a_secret_works_beside_published_keys(publisher: Publisher) -> None:
    """Nobody is asked for a key then."""
    assert await whoami(token(), publisher.url, SECRET) == ADA
    assert publisher.asked == 0


async def test_a_token_of_a_published_key_expires_too(publisher: Publisher) -> None:
    expected = (401, {"code": 1002, "message": "Session expired"})
    assert await whoami(signed("rsa", exp=1), publisher.url) == expected


@pytest.mark.parametrize("secret", [None, SECRET], ids=["jwks-alone", "beside-a-secret"])
@pytest.mark.parametrize("name", ["rsa", "ec", "ed"])
async def test_a_public_key_is_no_secret(publisher: Publisher, name: str, secret: str | None) -> None:
    """An HMAC made with the published key, as PEM, convinces nobody."""
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


@pytest.mark.parametrize(
    "credential",
    [
        pytest.param(lambda: signed("rsa", kid="unknown"), id="unknown-kid"),
        pytest.param(lambda: signed("rsa", kid="ec"), id="kid-of-another-key"),
        pytest.param(lambda: by_hand({"alg": "RS256"}, claims()), id="no-kid"),
        pytest.param(lambda: by_hand({"alg": "RS256", "kid": 7}, claims()), id="kid-is-a-number"),
        pytest.param(lambda: by_hand({"alg": "RS256", "kid": ["rsa"]}, claims()), id="kid-is-a-list"),
        pytest.param(lambda: by_hand({"alg": "none", "kid": "rsa"}, claims(), None), id="algorithm-none"),
        pytest.param(lambda: by_hand({"alg": "RS512", "kid": "rsa"}, claims()), id="algorithm-not-accepted"),
        pytest.param(lambda: by_hand({"alg": ["RS256"], "kid": "rsa"}, claims()), id="algorithm-is-a-list"),
        pytest.param(lambda: by_hand({"kid": "rsa"}, claims()), id="no-algorithm"),
        pytest.param(lambda: by_hand(b"[" * 100_000, claims()), id="nested-header"),
        pytest.param(lambda: by_hand({"alg": "RS256", "kid": "rsa"}, b"[" * 100_000), id="nested-payload"),
        pytest.param(lambda: signed("rsa")[:-8], id="cut-off"),
        pytest.param(lambda: signed("rsa", sub=None), id="no-sub"),
        pytest.param(token, id="secret-that-is-not-set"),
        pytest.param(lambda: "garbage", id="garbage"),
    ],
)
async def test_a_bad_token_is_invalid(publisher: Publisher, credential: Any) -> None:
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


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(500, b"{}", id="error"),
        pytest.param(404, b"", id="not-found"),
        pytest.param(200, b"<html>maintenance</html>", id="no-json"),
        pytest.param(200, b"\xff\xfe\xff", id="no-text"),
        pytest.param(200, b"[]", id="no-object"),
        pytest.param(200, b"{}", id="no-keys"),
        pytest.param(200, b'{"keys":[]}', id="no-key"),
    ],
)
async def test_a_jwks_server_that_publishes_no_key_is_named(publisher: Publisher, status: int, body: bytes) -> None:
    """A good token is not called invalid for what its issuer's server answers."""
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
