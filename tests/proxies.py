"""toxiproxy in a container: a way to Postgres and storage that can be cut, slowed down and made to lose replies."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from docker.errors import DockerException
from testcontainers.core.container import DockerContainer

from server.embedded import free_port
from tests.processes import until
from tests.services import Servers

ANSWER_SECONDS = 20.0
MISSING = "toxiproxy runs in Docker, which does not answer here or has no image of it"


@dataclass(frozen=True)
class Proxy:
    """One way through, at a port of this machine."""

    api: httpx.Client
    name: str
    port: int

    def cut(self) -> None:
        """Refuse new connections and end those that there are."""
        self._tell(enabled=False)

    def poison(self, kind: str, stream: str = "downstream", **attributes: Any) -> None:
        """Add a toxic; `downstream` spoils replies, `upstream` requests."""
        toxic = {"type": kind, "stream": stream, "attributes": attributes}
        self.api.post(f"/proxies/{self.name}/toxics", json=toxic).raise_for_status()

    def heal(self) -> None:
        """Let everything through again."""
        self._tell(enabled=True)
        for toxic in self.api.get(f"/proxies/{self.name}/toxics").raise_for_status().json():
            self.api.delete(f"/proxies/{self.name}/toxics/{toxic['name']}").raise_for_status()

    def _tell(self, **facts: Any) -> None:
        self.api.post(f"/proxies/{self.name}", json=facts).raise_for_status()


@dataclass(frozen=True)
class Toxiproxy:
    """The server that makes ways through."""

    api: httpx.Client

    @contextmanager
    def way_to(self, name: str, address: str) -> Iterator[Proxy]:
        """A proxy in front of an address, for as long as it is needed."""
        port = free_port()
        told = {"name": name, "listen": f"127.0.0.1:{port}", "upstream": address}
        self.api.post("/proxies", json=told).raise_for_status()
        yield Proxy(self.api, name, port)
        self.api.delete(f"/proxies/{name}").raise_for_status()


@contextmanager
def toxiproxy(servers: Servers) -> Iterator[Toxiproxy]:
    """A toxiproxy on the host's own network, where it reaches what listens on loopback; skips where there is none."""
    if os.environ.get("TEST_SERVICES") == "embedded":
        pytest.skip("toxiproxy runs in Docker, which was not asked for")
    if "minio" in servers.missing:
        pytest.skip(MISSING)
    image = os.environ.get("TOXIPROXY_IMAGE", "ghcr.io/shopify/toxiproxy")
    port = free_port()
    container = DockerContainer(image).with_kwargs(network_mode="host").with_command(f"-host=127.0.0.1 -port={port}")
    with ExitStack() as stack:
        try:
            stack.enter_context(container)
        except DockerException:
            if os.environ.get("TEST_SERVICES") == "docker":
                raise
            pytest.skip(MISSING)
        api = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=ANSWER_SECONDS))
        until(lambda: _answers(api), ANSWER_SECONDS)
        yield Toxiproxy(api)


def _answers(api: httpx.Client) -> bool:
    try:
        return api.get("/version").is_success
    except httpx.TransportError:
        return False
