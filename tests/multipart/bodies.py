"""What is sent as parts, at once or in halves, and what has become of it."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx

from storage.s3 import ObjectStore

MIB = 1024 * 1024
KEY = "users/ada/posts/1_a.mp4"
FIRST = bytes(range(256)) * (5 * MIB // 256)
OTHER = FIRST[::-1]
LAST = b"the end"


async def bytes_of(store: ObjectStore, key: str = KEY) -> bytes:
    """All of an object."""
    return await store.read(key, 0, 64 * MIB)


async def answered(client: httpx.AsyncClient, url: str, body: bytes) -> int | None:
    """The status that a PUT ends with; none when the store closed the connection before it had read the body."""
    try:
        return (await client.put(url, content=body)).status_code
    except httpx.TransportError:
        return None


@contextmanager
def half_sent(url: str, body: bytes) -> Iterator[Callable[[], int | None]]:
    """A PUT that has sent half of its body; what it yields sends the rest, and returns the status if there is one."""
    target = urlsplit(url)
    assert target.hostname is not None
    half = len(body) // 2
    head = f"PUT {target.path}?{target.query} HTTP/1.1\r\nhost: {target.netloc}\r\ncontent-length: {len(body)}\r\n\r\n"
    with socket.create_connection((target.hostname, target.port or 80), timeout=30) as connection:
        connection.sendall(head.encode() + body[:half])

        def finish() -> int | None:
            try:
                connection.sendall(body[half:])
                return int(connection.recv(65_536).split()[1])
            except (ConnectionError, IndexError):
                return None

        yield finish
