"""What is wrong with a token: the log says it by a word, `mediarpc dev` tells its caller too, and nobody quotes it."""

import time
from typing import Any

import jwt
import pytest

from contracts.tokens import TokenFault
from rpc.auth import AuthConfig
from tests import logs
from tests.authorization_server import authorization_server
from tests.introspected import introspected
from tests.sample_procedures import serving
from tests.test_auth import HS256, INVALID, NONE, REFUSED
from tests.tokens import OTHER_SECRET, SECRET, by_hand, claims, publishing, signed, token

ISSUED: dict[str, Any] = {"issuer": "https://id.example", "audience": "media"}
MEANT = {"iss": "https://id.example", "aud": "media"}
FAULTS = {
    "malformed": ["garbage", "a.b.c", by_hand(HS256, b"{"), by_hand(HS256, [])],
    "algorithm": [
        jwt.encode(claims(), SECRET * 2, algorithm="HS512"),
        by_hand(NONE, claims(), None),
        by_hand({"alg": "RS256"}, claims()),
    ],
    "signature": [token(OTHER_SECRET), token(OTHER_SECRET, exp=1), by_hand(HS256, claims(), None)],
    "no_sub": [token(sub=None), by_hand(HS256, {**claims(), "sub": None})],
    "no_exp": [token(exp=None)],
    "no_iss": [token(aud="media")],
    "no_aud": [token(iss="https://id.example")],
    "wrong_iss": [token(**{**MEANT, "iss": "https://other.example"})],
    "wrong_aud": [token(**{**MEANT, "aud": "web"})],
    "not_yet_valid": [
        token(**MEANT, nbf=int(time.time()) + 12 * 3600),
        token(**MEANT, iat=int(time.time()) + 12 * 3600),
    ],
    "bad_time": [
        by_hand(HS256, claims(**MEANT, exp="soon")),
        by_hand(HS256, claims(**MEANT, nbf="soon")),
        by_hand(HS256, claims(**MEANT, iat=[])),
        by_hand(HS256, claims(**MEANT, exp=int(time.time() * 1000))),
        by_hand(HS256, b'{"sub":"ada","exp":1e999,"iss":"https://id.example","aud":"media"}'),
    ],
    "bad_sub": [by_hand(HS256, claims(**MEANT, sub=7)), token(**MEANT, sub="a" * 65), token(**MEANT, sub="ada\n")],
    "bad_jti": [by_hand(HS256, claims(**MEANT, jti=7))],
    "bad_plan": [token(**MEANT, plan="gold"), token(**MEANT, plan=1)],
    "bad_scope": [token(**MEANT, scope=["service"])],
    "bad_owners": [token(**MEANT, owners="event:42"), token(**MEANT, owners=["42"]), token(**MEANT, owners=["E:1"])],
}
CASES = [(fault, credential) for fault, credentials in FAULTS.items() for credential in credentials]


async def refused(client: Any, credential: str) -> tuple[tuple[int, Any], Any]:
    """The answer to a token, and the line that it left in the log."""
    with logs.events() as events:
        answer = await client.post(
            "/rpc", json={"procedure": "whoami"}, headers={"authorization": f"Bearer {credential}".encode()}
        )
    (line,) = events
    return (answer.status_code, answer.json()["error"]), line


async def test_the_log_says_what_is_wrong_with_a_token_and_the_answer_does_not(subtests: pytest.Subtests) -> None:
    """Each time that it comes, since it is remembered with its fault."""
    async with serving(auth=AuthConfig(jwt_secret=SECRET, **ISSUED)) as client:
        for fault, credential in CASES:
            for _ in range(2):
                with subtests.test(fault, credential=credential):
                    answer, line = await refused(client, credential)
                    assert (answer, line["outcome"], line["fault"]) == (INVALID, 1003, fault)
                    assert "caller" not in line


async def test_where_faults_are_explained_the_answer_says_it_too(subtests: pytest.Subtests) -> None:
    async with serving(auth=AuthConfig(jwt_secret=SECRET, explains_faults=True, **ISSUED)) as client:
        for fault, credential in CASES:
            with subtests.test(fault, credential=credential):
                answer, line = await refused(client, credential)
                sentence = f"Invalid token: {TokenFault[fault.upper()].sentence}"
                assert answer == (401, {"code": 1003, "message": sentence})
                assert line["fault"] == fault


async def test_nothing_of_a_token_is_logged_or_answered(subtests: pytest.Subtests) -> None:
    """Neither it nor a value of its claims."""
    async with serving(auth=AuthConfig(jwt_secret=SECRET, explains_faults=True)) as client:
        for case, credential in REFUSED.items():
            with subtests.test(case):
                answer, line = await refused(client, credential)
                told = f"{answer} {line}"
                assert not [secret for secret in (credential, "gold", "grace", "soon", SECRET) if secret in told]


async def test_a_key_that_nobody_published_is_unknown() -> None:
    with publishing() as publisher:
        async with serving(auth=AuthConfig(jwks_url=publisher.url)) as client:
            answer, line = await refused(client, signed("rsa", kid="stranger"))
    assert (answer, line["fault"]) == (INVALID, "unknown_key")


async def test_a_session_that_ended_elsewhere_is_inactive(subtests: pytest.Subtests) -> None:
    """And what the authorization server says of others is read as a JWT is."""
    told: dict[str, dict[str, Any]] = {
        "no_sub": {},
        "bad_sub": {"sub": 7},
        "bad_plan": {"sub": "ada", "plan": "gold"},
        "bad_owners": {"sub": "ada", "owners": [1]},
        "wrong_iss": {"sub": "ada", "iss": "https://other.example"},
        "wrong_aud": {"sub": "ada", "aud": ["web"]},
    }
    async with authorization_server() as server, introspected(server.url, **ISSUED) as client:
        server.tokens.update(told)
        for fault in ("inactive", *told):
            with subtests.test(fault):
                answer, line = await refused(client, fault)
                assert (answer, line["fault"]) == (INVALID, fault)
        assert (await refused(client, "a" * 9000))[1]["fault"] == "malformed"


def test_every_fault_is_tried() -> None:
    assert {*FAULTS, "unknown_key", "inactive"} == {fault.value for fault in TokenFault}
