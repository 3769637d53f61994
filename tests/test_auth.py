"""Who calls: which HS256 tokens are accepted, where they are looked for, and what refusals say."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from procedures import PROCEDURES
from rpc.auth import AuthConfig
from rpc.procedure import Procedure, ProcedureKind
from tests.sample_procedures import serving
from tests.tokens import OTHER_SECRET, SECRET, by_hand, claims, token

HS256 = {"alg": "HS256", "typ": "JWT"}
NONE = {"alg": "none", "typ": "JWT"}
MISSING = (401, {"code": 1000, "message": "Authentication required"})
EXPIRED = (401, {"code": 1002, "message": "Session expired"})
INVALID = (401, {"code": 1003, "message": "Invalid token"})


async def whoami(headers: Any, **auth: Any) -> tuple[int, Any]:
    """HTTP status, and the caller that the server sees or the error."""
    async with serving(auth=AuthConfig(**{"jwt_secret": SECRET, **auth})) as client:
        answer = await client.post("/rpc", json={"procedure": "whoami"}, headers=headers)
    told = answer.json()
    return answer.status_code, told["data"] if told["success"] else told["error"]


async def whoami_by(credential: str, **auth: Any) -> tuple[int, Any]:
    return await whoami({"authorization": f"Bearer {credential}"}, **auth)


def caller(id_: str = "ada", plan: str | None = None, scopes: tuple[str, ...] = ()) -> tuple[int, Any]:
    return 200, {"id": id_, "plan": plan, "scopes": list(scopes)}


NO_TOKENS = {
    "nothing": {},
    "empty": {"authorization": ""},
    "bearer-alone": {"authorization": "Bearer"},
    "bearer-blank": {"authorization": "Bearer "},
    "basic": {"authorization": "Basic YWRhOmFkYQ=="},
    "cookie-that-is-not-read": {"cookie": "session=x"},
}


async def test_without_a_token_authentication_is_required(subtests: pytest.Subtests) -> None:
    for case, headers in NO_TOKENS.items():
        with subtests.test(case, headers=headers):
            assert await whoami(headers) == MISSING


REFUSED = {
    "one-word": "garbage",
    "two-dots": "..",
    "not-base64": "a.b.c",
    "not-ascii": "ä.ö.ü",
    "header-is-no-json": by_hand(b"{", claims()),
    "header-is-a-list": by_hand([], claims()),
    "header-nested": by_hand(b"[" * 100_000, claims()),
    "header-with-a-long-number": by_hand(b'{"alg":' + b"9" * 5000 + b"}", claims()),
    "payload-is-no-json": by_hand(HS256, b"{"),
    "payload-is-a-list": by_hand(HS256, []),
    "payload-nested-unsigned": by_hand(HS256, b"[" * 100_000, OTHER_SECRET),
    "no-algorithm": by_hand({"typ": "JWT"}, claims()),
    "algorithm-is-a-list": by_hand({"alg": ["HS256"]}, claims()),
    "algorithm-none": by_hand(NONE, claims(), None),
    "algorithm-none-in-capitals": by_hand({"alg": "NONE"}, claims(), None),
    "algorithm-none-signed": by_hand(NONE, claims()),
    "algorithm-hs512": by_hand({"alg": "HS512"}, claims()),
    "algorithm-rs256": by_hand({"alg": "RS256"}, claims()),
    "algorithm-in-small-letters": by_hand({"alg": "hs256"}, claims()),
    "unsigned": by_hand(HS256, claims(), None),
    "wrong-key": token(OTHER_SECRET),
    "empty-key": by_hand(HS256, claims(), b""),
    "expired-under-a-wrong-key": token(OTHER_SECRET, exp=int(time.time()) - 600),
    "changed-payload": ".".join([*token(sub="grace").split(".")[:2], token().split(".")[2]]),
    "no-sub": token(sub=None),
    "no-exp": token(exp=None),
    "exp-is-text": by_hand(HS256, claims(exp="soon")),
    "exp-is-a-number-in-text": by_hand(HS256, claims(exp="9999999999")),
    "exp-is-a-list": by_hand(HS256, claims(exp=[])),
    "exp-is-infinite": by_hand(HS256, b'{"sub":"ada","exp":1e999}'),
    "not-yet": token(nbf=int(time.time()) + 12 * 3600),
    "sub-empty": token(sub=""),
    "sub-of-65-characters": token(sub="a" * 65),
    "sub-with-a-newline": token(sub="ada\n"),
    "sub-with-a-nul": token(sub="ada\0"),
    "sub-with-a-bidi-control": token(sub="a\u202eda"),
    "sub-with-a-lone-surrogate": by_hand(HS256, b'{"sub":"\\ud800","exp":9999999999}'),
    "sub-is-a-number": by_hand(HS256, claims(sub=7)),
    "sub-is-a-list": by_hand(HS256, claims(sub=["ada"])),
    "sub-is-null": by_hand(HS256, {**claims(), "sub": None}),
    "plan-unknown": token(plan="gold"),
    "plan-empty": token(plan=""),
    "plan-is-a-number": token(plan=1),
    "plan-is-a-list": token(plan=["free"]),
    "scope-is-a-list": token(scope=["service"]),
    "scope-is-a-number": token(scope=1),
    "scope-is-null": by_hand(HS256, {**claims(), "scope": None}),
}


async def test_a_bad_token_is_invalid(subtests: pytest.Subtests) -> None:
    """Whatever is wrong with it, the answer does not say what."""
    for case, credential in REFUSED.items():
        with subtests.test(case, credential=credential):
            assert await whoami({"authorization": f"Bearer {credential}".encode()}) == INVALID


GOOD = {
    "sub-alone": ({}, caller()),
    "plan": ({"plan": "pro"}, caller(plan="pro")),
    "scope": ({"scope": "service"}, caller(scopes=("service",))),
    "scopes": ({"scope": "b a"}, caller(scopes=("a", "b"))),
    "no-scope": ({"scope": ""}, caller()),
    "sub-of-64-characters": ({"sub": "a" * 64}, caller("a" * 64)),
    "sub-of-any-printable-characters": ({"sub": "../ö 😀"}, caller("../ö 😀")),
    "other-claims": ({"role": "admin", "iss": "anyone", "aud": "anything"}, caller()),
}


async def test_a_good_token_names_its_caller(subtests: pytest.Subtests) -> None:
    for case, (different, expected) in GOOD.items():
        with subtests.test(case, different=different):
            assert await whoami_by(token(**different)) == expected


async def test_the_scheme_is_read_in_any_case() -> None:
    assert await whoami({"authorization": f"bEARER  {token()} "}) == caller()


@pytest.mark.parametrize(
    ("age", "expected"), [(5, caller()), (60, EXPIRED), (86400, EXPIRED)], ids=["5-s", "60-s", "a-day"]
)
async def test_a_token_is_good_a_little_longer_than_it_says(age: int, expected: tuple[int, Any]) -> None:
    """Clocks differ by seconds, not by a minute; what ran out is told apart from what was never good."""
    assert await whoami_by(token(exp=int(time.time()) - age)) == expected


ISSUED: dict[str, tuple[dict[str, Any], tuple[int, Any]]] = {
    "both": ({"iss": "https://id.example", "aud": "media"}, caller()),
    "one-of-two-audiences": ({"iss": "https://id.example", "aud": ["web", "media"]}, caller()),
    "wrong-issuer": ({"iss": "https://other.example", "aud": "media"}, INVALID),
    "wrong-audience": ({"iss": "https://id.example", "aud": "web"}, INVALID),
    "no-audience": ({"iss": "https://id.example"}, INVALID),
    "no-issuer": ({"aud": "media"}, INVALID),
}


async def test_issuer_and_audience_must_be_as_set(subtests: pytest.Subtests) -> None:
    for case, (different, expected) in ISSUED.items():
        with subtests.test(case, different=different):
            assert await whoami_by(token(**different), issuer="https://id.example", audience="media") == expected


async def test_the_cookie_that_the_setting_names_is_read() -> None:
    """Only that one."""
    assert await whoami({"cookie": f"other=x; session={token()}"}, cookie="session") == caller()
    assert await whoami({"cookie": f"other={token()}"}, cookie="session") == MISSING
    assert await whoami({"cookie": "session="}, cookie="session") == MISSING
    assert await whoami({"cookie": "session=garbage"}, cookie="session") == INVALID


async def test_without_the_setting_no_cookie_is_read() -> None:
    """One without a name is none that the setting could name."""
    assert await whoami({"cookie": f"session={token()}"}) == MISSING
    assert await whoami({"cookie": f"={token()}"}) == MISSING
    assert await whoami({"cookie": token()}) == MISSING


async def test_the_bearer_wins_over_the_cookie() -> None:
    """Even when only the cookie's token is good."""
    headers = {"authorization": f"Bearer {token(sub='grace')}", "cookie": f"session={token()}"}
    assert await whoami(headers, cookie="session") == caller("grace")
    assert await whoami({**headers, "authorization": "Bearer garbage"}, cookie="session") == INVALID


def named(procedure: Procedure) -> str:
    return procedure.name


ANSWERED = {ProcedureKind.QUERY, ProcedureKind.MUTATION}


def test_only_one_procedure_is_public() -> None:
    assert [procedure.name for procedure in PROCEDURES if procedure.public] == ["media.getSupportedFormats"]


async def test_a_procedure_needs_a_caller_before_anything_else(subtests: pytest.Subtests) -> None:
    """Bad input is not even looked at, in either dialect."""
    for procedure in [each for each in PROCEDURES if not each.public and each.kind in ANSWERED]:
        with subtests.test(procedure=procedure.name):
            given = {"nonsense": True}
            async with serving(PROCEDURES, auth=AuthConfig(jwt_secret=SECRET)) as client:
                envelope = await client.post("/rpc", json={"procedure": procedure.name, "input": given})
                document = {"jsonrpc": "2.0", "method": procedure.name, "params": given, "id": 1}
                jsonrpc = await client.post("/rpc", json=document)
            assert (envelope.status_code, envelope.json()["error"]) == MISSING
            assert jsonrpc.status_code == 200
            error = jsonrpc.json()["error"]
            assert (error["code"], error["message"]) == (1000, "Authentication required")
            assert error["data"].pop("rpcCode") == 1000
            assert set(error["data"]) == {"requestId"}


@pytest.mark.parametrize("procedure", [each for each in PROCEDURES if each.public], ids=named)
@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer garbage"}], ids=["no-token", "bad-token"])
async def test_a_public_procedure_needs_none(procedure: Procedure, headers: dict[str, str]) -> None:
    """It does not look at a token either."""
    async with serving(PROCEDURES, auth=AuthConfig(jwt_secret=SECRET)) as client:
        answer = await client.post("/rpc", json={"procedure": procedure.name}, headers=headers)
    assert (answer.status_code, answer.json()["success"]) == (200, True)


async def test_an_unknown_procedure_is_unknown_to_anyone() -> None:
    """Before any token is looked at."""
    async with serving(PROCEDURES, auth=AuthConfig(jwt_secret=SECRET)) as client:
        answer = await client.post(
            "/rpc", json={"procedure": "media.nothing"}, headers={"authorization": "Bearer garbage"}
        )
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 1300)


MIB = 1024**2


QUOTAS = [
    (None, 50 * MIB),
    ("free", 50 * MIB),
    ("basic", 1024 * MIB),
    ("pro", 5 * 1024 * MIB),
    ("premium", 10 * 1024 * MIB),
]


async def test_the_plan_of_the_token_sets_the_quota(
    subtests: pytest.Subtests, http: httpx.AsyncClient, bearer: Callable[..., dict[str, str]]
) -> None:
    """A token without a plan leaves the quota as stored: at first that of the free plan."""
    for plan, quota in QUOTAS:
        with subtests.test(plan=plan):
            answer = await http.post("/rpc", json={"procedure": "media.getStorageUsage"}, headers=bearer(plan=plan))
            assert answer.json()["data"]["limit"] == quota
