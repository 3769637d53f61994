"""Requests as bytes on a connection, for clients that no library would be."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    async with asyncio.timeout(30):
        reader, writer = await asyncio.open_connection(urlsplit(url).hostname, urlsplit(url).port)
        try:
            yield reader, writer
        finally:
            writer.close()


def head(procedure: str, *headers: str, kind: str = "application/octet-stream") -> bytes:
    """A request up to its body."""
    lines = [f"POST /rpc/{procedure} HTTP/1.1", "host: x", f"content-type: {kind}", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


async def answered(url: str, *pieces: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of what a server says to bytes; the connection stays open for its part."""
    async with connected(url) as (reader, writer):
        writer.writelines(pieces)
        return await read_answer(reader)


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
    headers = dict(line.split(": ", 1) for line in lines if line)
    return int(status.split()[1]), headers, await reader.readexactly(int(headers["content-length"]))


def error_of(body: bytes) -> tuple[int, str]:
    error = json.loads(body)["error"]
    return error["data"]["rpcCode"], error["message"]
