"""CORS: which web origins may call from a browser, and whether with cookies."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from rpc.app import AppConfig
from rpc.auth import AuthConfig
from rpc.refused_origins import MAX_ORIGINS
from server.resources import app_config
from server.settings import Settings
from tests.logs import events
from tests.sample_procedures import serving

APP = "https://app.example.com"
OTHER = "https://evil.example.com"


def cors_headers(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


async def preflight(config: AppConfig, origin: str = APP, **headers: str) -> httpx.Response:
    async with serving(config=config) as client:
        asked = {"origin": origin, "access-control-request-method": "POST", **headers}
        return await client.options("/rpc", headers=asked)


async def call(config: AppConfig, origin: str = APP, content_type: str = "application/json") -> httpx.Response:
    async with serving(config=config) as client:
        headers = {"origin": origin, "content-type": content_type}
        return await client.post("/rpc", content=b'{"procedure":"get_data"}', headers=headers)


def configured(*origins: str, cookie: str | None = None, **settings: Any) -> AppConfig:
    return app_config(replace(Settings(), cors_origins=origins, auth_cookie=cookie, **settings))


async def test_a_listed_origin_may_call() -> None:
    """The preflight allows the method and the headers that callers send."""
    answer = await preflight(configured(APP), **{"access-control-request-headers": "authorization, content-type"})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == APP
    assert "POST" in answer.headers["access-control-allow-methods"].split(", ")
    allowed = answer.headers["access-control-allow-headers"].lower()
    assert "authorization" in allowed
    assert "content-type" in allowed
    assert answer.headers["access-control-max-age"] == "3600"
    assert "access-control-allow-credentials" not in answer.headers


async def test_its_calls_are_answered_for_it() -> None:
    answer = await call(configured("https://first.example.com", APP))
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == APP
    assert "origin" in answer.headers["vary"].lower()
    assert "access-control-allow-credentials" not in answer.headers


async def test_refusals_can_be_read_across_origins_too() -> None:
    """Else a browser would hide why a call failed."""
    answer = await call(configured(APP), content_type="text/plain")
    assert answer.status_code == 415
    assert answer.headers["access-control-allow-origin"] == APP


@pytest.mark.parametrize(
    "origin", [OTHER, "https://app.example.com.evil.example", "http://app.example.com", "null"], ids=str
)
async def test_another_origin_may_not_call(origin: str) -> None:
    """Neither the preflight nor the answer of a call allows it."""
    refused = await preflight(configured(APP), origin)
    assert refused.status_code == 400
    assert "access-control-allow-origin" not in refused.headers
    assert "access-control-allow-origin" not in (await call(configured(APP), origin)).headers


async def test_cookies_are_allowed_only_where_a_cookie_is_read() -> None:
    """`AUTH_COOKIE` turns credentials on, for listed origins by name."""
    config = configured(APP, cookie="session")
    asked = await preflight(config)
    answered = await call(config)
    for answer in (asked, answered):
        assert answer.headers["access-control-allow-origin"] == APP
        assert answer.headers["access-control-allow-credentials"] == "true"


async def test_any_origin_may_call_when_the_setting_says_so() -> None:
    """Without credentials."""
    answer = await call(configured("*"), OTHER)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


async def test_unset_there_is_no_cors() -> None:
    """A preflight is a method that is not allowed, and answers carry no header of it."""
    asked = await preflight(configured())
    assert (asked.status_code, cors_headers(asked)) == (405, {})
    answered = await call(configured())
    assert (answered.status_code, cors_headers(answered)) == (200, {})


async def test_an_origin_can_be_allowed_by_pattern() -> None:
    """As `mediarpc dev` does for this machine's own pages; the whole origin must fit."""
    config = AppConfig(auth=AuthConfig(), cors_origin_regex=r"http://localhost:\d+")
    assert (await preflight(config, "http://localhost:5173")).headers["access-control-allow-origin"] == (
        "http://localhost:5173"
    )
    assert (await preflight(config, "http://localhost:5173.evil.example")).status_code == 400


async def refused_to(config: AppConfig, *origins: str, path: str = "/rpc") -> list[str]:
    """The origins that the log has, after a preflight and a call of each."""
    with events() as logged:
        async with serving(config=config) as client:
            for origin in origins:
                await client.options(path, headers={"origin": origin, "access-control-request-method": "POST"})
                await client.post(path, json={"procedure": "get_data"}, headers={"origin": origin})
    told = [line for line in logged if line["event"] == "origin refused"]
    assert {line["setting"] for line in told} <= {"CORS_ORIGINS"}
    return [line["origin"] for line in told]


@pytest.mark.parametrize("listed", [(), (APP,)], ids=["unset", "another one"])
async def test_a_refused_origin_is_logged_with_the_setting_that_would_let_it_in(listed: tuple[str, ...]) -> None:
    """Once, however often it comes."""
    assert await refused_to(configured(*listed), OTHER, "null", OTHER) == [OTHER, "null"]


async def test_who_may_call_is_not_logged() -> None:
    """A listed origin, and the server's own pages, whose browsers tell an origin, too."""
    assert await refused_to(configured(APP), APP, "http://media.test") == []
    assert await refused_to(configured("*"), OTHER) == []


async def test_any_number_of_origins_makes_a_bounded_log() -> None:
    origins = [f"https://{number}.example.com" for number in range(MAX_ORIGINS + 5)]
    assert await refused_to(configured(APP), *origins) == origins[:MAX_ORIGINS]
