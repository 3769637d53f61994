"""Cookies: which pages may use their visitor's, by what browsers tell of a request.

An application of every method and content type stands for whatever paths the server has.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import product
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from contracts.errors import RpcError
from rpc.app import AppConfig
from rpc.auth import AuthConfig, Authenticator
from rpc.origin import Origins
from server.dev import LOCAL_ORIGINS
from server.resources import app_config
from server.settings import Settings
from tests.authorization_server import authorization_server
from tests.introspected import introspected
from tests.sample_procedures import serving
from tests.tokens import SECRET, token

APP = "https://app.example.com"
CONFIG = AuthConfig(jwt_secret=SECRET, cookie="session")
COOKIE = {"cookie": f"session={token()}"}
OWN = "http://media.test"
EVIL = "https://evil.example"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=x"


@asynccontextmanager
async def answering(origins: Origins, base_url: str = OWN) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that tells the caller's id, or the error's code."""
    authenticator = Authenticator(CONFIG, introspection=None, origins=origins)

    async def tell(request: Request) -> PlainTextResponse:
        try:
            return PlainTextResponse((await authenticator.caller(request)).id)
        except RpcError as error:
            return PlainTextResponse(str(int(error.code)))

    app = Starlette(routes=[Route("/", tell, methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base_url) as client:
        yield client


async def answer(method: str, headers: dict[str, str], *, base_url: str = OWN, pattern: str | None = None) -> str:
    async with answering(Origins([APP], pattern), base_url) as client:
        return (await client.request(method, "/", headers={**COOKIE, **headers})).text


OF_OUR_PAGES = {
    "own-page": {"sec-fetch-site": "same-origin", "origin": OWN},
    "own-page-reading": {"sec-fetch-site": "same-origin"},
    "own-page-without-referrer": {"sec-fetch-site": "same-origin", "origin": "null"},
    "own-page-behind-a-proxy-that-rewrites-host": {"sec-fetch-site": "same-origin", "origin": "https://media.example"},
    "address-bar": {"sec-fetch-site": "none"},
    "own-page-of-an-old-browser": {"origin": OWN},
    "listed-page-of-another-site": {"sec-fetch-site": "cross-site", "origin": APP},
    "listed-page-of-a-sibling": {"sec-fetch-site": "same-site", "origin": APP},
    "listed-page-of-an-old-browser": {"origin": APP},
}
OF_OTHER_PAGES = {
    "another-site": {"sec-fetch-site": "cross-site", "origin": EVIL},
    "another-site-without-origin": {"sec-fetch-site": "cross-site"},
    "another-site-that-hides-its-origin": {"sec-fetch-site": "cross-site", "origin": "null"},
    "another-site-that-claims-our-origin": {"sec-fetch-site": "cross-site", "origin": OWN},
    "sibling": {"sec-fetch-site": "same-site", "origin": "http://other.media.test"},
    "sibling-without-origin": {"sec-fetch-site": "same-site"},
    "word-of-the-future": {"sec-fetch-site": "nested-site"},
    "no-word": {"sec-fetch-site": ""},
    "two-words": {"sec-fetch-site": "same-origin, cross-site"},
    "old-browser": {"origin": EVIL},
    "old-browser-that-hides-its-origin": {"origin": "null"},
    "old-browser-on-another-port": {"origin": "http://media.test:8080"},
    "old-browser-on-a-sibling": {"origin": "http://other.media.test"},
    "old-browser-on-a-longer-name": {"origin": "http://media.test.evil.example"},
    "old-browser-on-a-listed-name-without-tls": {"origin": "http://app.example.com"},
    "old-browser-on-a-listed-name-and-more": {"origin": f"{APP}.evil.example"},
    "another-scheme": {"origin": "file://media.test"},
    "no-origin-in-the-header": {"origin": ""},
    "no-url": {"origin": "media.test"},
    "bad-port": {"origin": "http://media.test:x"},
    "bad-address": {"origin": "http://[media.test"},
    "every-origin": {"origin": "*"},
    "two-origins": {"origin": f"{OWN}, {EVIL}"},
    "host-that-a-proxy-may-have-been-told": {"origin": EVIL, "x-forwarded-host": "evil.example"},
    "host-that-a-proxy-may-have-been-told-newly": {"origin": EVIL, "forwarded": "host=evil.example;proto=https"},
}
REQUESTS = [("GET", {}), ("POST", {"content-type": JSON}), ("POST", {"content-type": FORM}), ("DELETE", {})]


async def test_our_pages_use_the_cookie(subtests: pytest.Subtests) -> None:
    """Whatever they send."""
    for (method, body), (page, headers) in product(REQUESTS, OF_OUR_PAGES.items()):
        with subtests.test(page, method=method, body=body):
            assert await answer(method, {**headers, **body}) == "ada"


async def test_other_pages_do_not_use_the_cookie(subtests: pytest.Subtests) -> None:
    """Not even to read: an event source reads on and on."""
    for (method, body), (page, headers) in product(REQUESTS, OF_OTHER_PAGES.items()):
        with subtests.test(page, method=method, body=body):
            assert await answer(method, {**headers, **body}) == "1100"


OF_NO_PAGE = [
    ("GET", None, "ada"),
    ("GET", FORM, "ada"),
    ("POST", JSON, "ada"),
    ("POST", "application/octet-stream", "ada"),
    ("POST", "image/jpeg", "ada"),
    ("POST", None, "1100"),
    ("POST", "", "1100"),
    ("POST", " ; charset=utf-8", "1100"),
    ("POST", FORM, "1100"),
    ("POST", "Application/X-WWW-Form-URLencoded; charset=utf-8", "1100"),
    ("POST", MULTIPART, "1100"),
    ("POST", "text/plain", "1100"),
    ("POST", "text/plain;application/json", "1100"),
    ("PUT", "text/plain", "1100"),
    ("PATCH", None, "1100"),
    ("DELETE", None, "1100"),
]


async def test_a_request_that_tells_no_page_must_be_one_that_no_form_sends(subtests: pytest.Subtests) -> None:
    """A program's is; a form of another page in an old browser might send the rest."""
    for method, content_type, expected in OF_NO_PAGE:
        with subtests.test(method=method, content_type=content_type):
            headers = {} if content_type is None else {"content-type": content_type}
            assert await answer(method, headers) == expected


OWN_AND_OTHER_ORIGINS = [
    ("http://media.test", "http://media.test", "ada"),
    ("https://media.test", "https://media.test", "ada"),
    ("http://MEDIA.test", "http://media.TEST", "ada"),
    ("https://media.test", "http://media.test", "ada"),
    ("https://media.test", "http://media.test:443", "ada"),
    ("http://media.test:8000", "http://media.test:8000", "ada"),
    ("http://[::1]:8000", "http://[::1]:8000", "ada"),
    ("http://media.test", "https://media.test", "1100"),
    ("http://media.test:443", "https://media.test", "1100"),
    ("http://media.test", "http://media.test:8000", "1100"),
    ("https://media.test", "http://media.test:8000", "1100"),
    ("http://[::1]:8001", "http://[::1]:8000", "1100"),
]


async def test_the_own_origin_is_that_of_the_host(subtests: pytest.Subtests) -> None:
    """Over plain HTTP a proxy may have ended TLS before; over TLS a plain page is another one."""
    for origin, base_url, expected in OWN_AND_OTHER_ORIGINS:
        with subtests.test(origin=origin, base_url=base_url):
            host = base_url.partition("//")[2]
            assert (
                await answer("POST", {"origin": origin, "host": host, "content-type": JSON}, base_url=base_url)
                == expected
            )


@pytest.mark.parametrize("host", ["", "media.test:x", "[media.test"])
async def test_without_a_host_no_origin_is_our_own(host: str) -> None:
    assert await answer("POST", {"origin": OWN, "host": host, "content-type": JSON}) == "1100"


LOCAL_AND_OTHER_ORIGINS = [
    ("http://localhost:5173", "ada"),
    ("http://127.0.0.1", "ada"),
    ("http://[::1]:3000", "ada"),
    ("http://localhost:5173.evil.example", "1100"),
    ("https://localhost.evil.example", "1100"),
]


async def test_a_pattern_allows_what_it_fits_as_a_whole(subtests: pytest.Subtests) -> None:
    """As in `mediarpc dev`, which lets this machine's own pages call."""
    for origin, expected in LOCAL_AND_OTHER_ORIGINS:
        with subtests.test(origin=origin):
            headers = {"sec-fetch-site": "cross-site", "origin": origin}
            assert await answer("POST", headers, pattern=LOCAL_ORIGINS) == expected


async def test_a_bearer_is_accepted_from_any_page(subtests: pytest.Subtests) -> None:
    """Another page does not have it, and no browser adds it; the cookie beside it does not count."""
    for page, headers in OF_OTHER_PAGES.items():
        with subtests.test(page):
            authorization = {"authorization": f"Bearer {token(sub='grace')}", "content-type": FORM}
            assert await answer("POST", {**headers, **authorization}) == "grace"


@pytest.mark.parametrize("authorization", ["Bearer", "Bearer ", "Basic YTpi", ""], ids=repr)
async def test_an_authorization_without_a_bearer_opens_no_way_around(authorization: str) -> None:
    assert await answer("POST", {"authorization": authorization, "origin": EVIL}) == "1100"


@pytest.mark.parametrize("cookie", ["", "session=", "other=x"], ids=repr)
async def test_without_the_cookie_a_page_is_nobody(cookie: str) -> None:
    """Told apart from a page that may not use one."""
    assert await answer("POST", {"cookie": cookie, "origin": EVIL}) == "1000"


# Over the endpoint.


def configured(*origins: str, pattern: str | None = None, cookie: str | None = "session") -> AppConfig:
    settings = Settings(auth_jwt_secret=SECRET, auth_cookie=cookie, cors_origins=origins)
    return app_config(settings, cors_origin_regex=pattern)


async def called(config: AppConfig, document: Any, **headers: str) -> httpx.Response:
    async with serving(config=config) as client:
        return await client.post("/rpc", json=document, headers={**COOKIE, **headers})


async def test_another_page_is_told_so_by_the_envelope() -> None:
    answered = await called(configured(), {"procedure": "whoami"}, origin=EVIL)
    assert answered.status_code == 403
    assert answered.json()["error"] == {"code": 1100, "message": "The cookie is not accepted from another site"}


async def test_another_page_is_told_so_by_json_rpc() -> None:
    document = {"jsonrpc": "2.0", "method": "whoami", "id": 1}
    answered = await called(configured(), document, **{"sec-fetch-site": "cross-site"})
    error = answered.json()["error"]
    assert (answered.status_code, error["code"], error["data"]["rpcCode"]) == (200, 1100, 1100)


async def test_the_origins_of_cors_may_use_the_cookie() -> None:
    """They need no other setting."""
    document = {"procedure": "whoami"}
    assert (await called(configured(APP), document, origin=APP)).status_code == 200
    assert (await called(configured(), document, origin=APP)).status_code == 403
    local = "http://localhost:5173"
    assert (await called(configured(pattern=LOCAL_ORIGINS), document, origin=local)).status_code == 200
    assert (await called(configured(APP, pattern=LOCAL_ORIGINS), document, origin=local)).status_code == 403


async def test_a_public_procedure_is_for_any_page() -> None:
    """It does not look at the cookie."""
    answered = await called(configured(), {"procedure": "get_data"}, origin=EVIL)
    assert (answered.status_code, answered.json()["success"]) == (200, True)


async def test_the_authorization_server_is_not_asked_for_another_page() -> None:
    """A session is not even looked up."""
    async with authorization_server() as server, introspected(server.url, cookie="session") as client:
        headers = {"cookie": "session=x", "origin": EVIL}
        answered = await client.post("/rpc", json={"procedure": "whoami"}, headers=headers)
    assert (answered.status_code, server.asked) == (403, [])
