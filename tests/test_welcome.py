"""`GET /`: what a person finds who opens the server's address."""

import re
from dataclasses import replace

import httpx
import pytest

from rpc.app import AppConfig
from rpc.auth import AuthConfig
from server.resources import app_config
from server.settings import Settings
from tests.sample_procedures import serving


async def page(config: AppConfig, **headers: str) -> httpx.Response:
    async with serving(config=config) as client:
        return await client.get("/", headers=headers)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_the_address_of_a_server_answers(method: str) -> None:
    async with serving(config=AppConfig(auth=AuthConfig())) as client:
        answer = await client.request(method, "/")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; ")
    assert answer.headers["cache-control"] == "no-store"


async def test_it_says_where_the_endpoint_is() -> None:
    """By the address that the settings name, else by the one that was asked."""
    assert (
        "<code>http://media.example:81/api/rpc</code>"
        in (await page(AppConfig(auth=AuthConfig(), rpc_path="/api/rpc"), host="media.example:81")).text
    )
    told = app_config(replace(Settings(), server_url="https://media.example.com"))
    assert "<code>https://media.example.com/rpc</code>" in (await page(told, host="other.example")).text


async def test_its_links_lead_somewhere_on_this_server() -> None:
    async with serving(config=AppConfig(auth=AuthConfig())) as client:
        links = re.findall(r'(?:href|src)="([^"]*)"', (await client.get("/")).text)
        assert links == ["/openrpc.json", "/openapi.json", "/rpc/media.getSupportedFormats", "/healthz", "/readyz"]
        assert (await client.get("/openrpc.json")).status_code == 200
        assert (await client.get("/healthz")).status_code == 200


@pytest.mark.parametrize("host", ['"><script>alert(1)</script>', "a&b<c", "{endpoint}"])
async def test_whatever_the_host_is_called_it_is_text(host: str) -> None:
    assert "<script" not in (await page(AppConfig(auth=AuthConfig()), host=host)).text
