"""Large files: in parts beside boto3's own `upload_file`, many at once, and through the server."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import psutil
import urllib3
from boto3.s3.transfer import TransferConfig

from bench.looking import MIB, looking
from bench.servers import S3, BenchError, Server, running, token
from server.embedded import Secrets
from server.embedded_s3 import s3
from server.resources import store_config
from server.settings import Settings
from storage.s3 import ObjectStore, StoreConfig, create_client

PARTS_AT_ONCE = 4
PART_BYTES = 8 * MIB
MANY = 50
VIDEO = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"
TIMEOUT = urllib3.Timeout(connect=5, read=300)

Measured = dict[str, float]


@dataclass(frozen=True, slots=True)
class Uploads:
    """One server over one store, and a caller; a file is sent by four threads, eight mebibytes at a time."""

    server: Server
    environment: dict[str, str]
    store: StoreConfig
    token: str
    http: urllib3.PoolManager

    def round(self, large: Path, small: Path) -> Measured:
        """Every figure once: seconds, and the server's growth in MiB."""
        with growth_of(self.server.pid) as in_parts:
            ours = seconds(lambda: self.send(large))
        with growth_of(self.server.pid) as directly:
            through = seconds(lambda: self.send_through(large))
        theirs = seconds(lambda: self.send_with_boto3(large))
        one = seconds(lambda: self.send(small))
        with growth_of(self.server.pid) as crowd, ThreadPoolExecutor(MANY) as threads:
            many = seconds(lambda: list(threads.map(self.send, [small] * MANY)))
        return {
            "parts": ours,
            "through": through,
            "boto3": theirs,
            "many": many / MANY / one,
            "parts_mib": in_parts[0],
            "through_mib": directly[0],
            "many_mib": crowd[0],
        }

    def of_another_caller(self, user: str) -> "Uploads":
        """The same for a user whose quota is whole: what is deleted stays reserved for a while."""
        return replace(self, token=token(user))

    def send(self, file: Path) -> None:
        """Send a file in parts, through the procedures, and delete what it became."""
        size = file.stat().st_size
        told = {"filename": file.name, "contentType": "video/mp4", "size": size, "partSize": PART_BYTES}
        ticket = self.call("media.initiateMultipartUpload", **told)
        media_id, numbers = ticket["mediaId"], list(range(1, ticket["totalParts"] + 1))
        parts = self.call("media.signParts", mediaId=media_id, partNumbers=numbers)["parts"]

        def put(part: dict[str, Any]) -> None:
            with file.open("rb") as opened:
                opened.seek((part["partNumber"] - 1) * PART_BYTES)
                body = opened.read(part["size"])
            sent = self.http.request("PUT", part["uploadUrl"], body=body, headers=part["headers"], timeout=TIMEOUT)
            require(sent.status == HTTPStatus.OK, f"a part was answered {sent.status}")

        with ThreadPoolExecutor(PARTS_AT_ONCE) as threads:
            list(threads.map(put, parts))
        self.call("media.completeMultipartUpload", mediaId=media_id)
        self.call("media.deleteMedia", mediaId=media_id)

    def send_through(self, file: Path) -> None:
        """Send a file through the server, and delete what it became."""
        self.call("media.deleteMedia", mediaId=self.bring(file))

    def bring(self, file: Path) -> str:
        """Send a file through the server; the id of what it became."""
        url = f"http://127.0.0.1:{self.server.port}/rpc/media.upload"
        headers = {**self._bearer, "content-type": "application/octet-stream"}
        with file.open("rb") as body:
            answer = self.http.request("POST", url, body=body, headers=headers, timeout=TIMEOUT)
        require(answer.status == HTTPStatus.OK, f"media.upload was answered {answer.status}")
        return str(answer.json()["result"]["data"]["media"]["id"])

    def send_with_boto3(self, file: Path) -> None:
        """Send a file straight to storage by boto3's own transfer, and delete it."""
        client = create_client(self.store, self.store.endpoint)
        how = TransferConfig(multipart_chunksize=PART_BYTES, max_concurrency=PARTS_AT_ONCE)
        client.upload_file(str(file), self.store.bucket, "bench/boto3", Config=how)
        client.delete_object(Bucket=self.store.bucket, Key="bench/boto3")
        client.close()

    def call(self, method: str, **params: Any) -> Any:
        """The result of one call over JSON-RPC."""
        document = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        answer = self.http.request(
            "POST",
            f"http://127.0.0.1:{self.server.port}/rpc",
            body=document,
            headers={**self._bearer, "content-type": "application/json"},
            timeout=TIMEOUT,
        ).json()
        require("result" in answer, f"{method} was answered {answer.get('error')}")
        return answer["result"]

    @property
    def _bearer(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}


@contextmanager
def uploads_over(url: str, folder: Path) -> Iterator[Uploads]:
    """`mediarpc serve` over the store that the environment names, or an embedded one."""
    with ExitStack() as stack:
        told = {name: os.environ[name] for name in S3 if os.environ.get("S3_ENDPOINT")}
        if not told:
            keys = Secrets.of(folder)
            told = {
                "S3_ENDPOINT": stack.enter_context(s3(folder / "s3", keys)),
                "S3_ACCESS_KEY_ID": keys.s3_access_key_id,
                "S3_SECRET_ACCESS_KEY": keys.s3_secret_access_key,
            }
        settings = Settings.from_environment({**told, "S3_BUCKET": "bench", "S3_PUBLIC_BUCKET": "bench-public"})
        store = store_config(settings)
        asyncio.run(ObjectStore(store).create_buckets())
        environment = {"DATABASE_URL": url, "RATE_LIMITS": "off", "S3_BUCKET": store.bucket, **told}
        environment["S3_PUBLIC_BUCKET"] = store.public_bucket
        server = stack.enter_context(
            running("mediarpc", [sys.executable, "-m", "server", "serve"], environment, folder)
        )
        yield Uploads(server, environment, store, token("bench"), urllib3.PoolManager(maxsize=MANY * PARTS_AT_ONCE))


def make_file(file: Path, size: int) -> Path:
    """A file that begins as an MP4 does; its bytes are on the disk when this returns."""
    with file.open("wb") as opened:
        opened.write(VIDEO)
        block = bytes(range(256)) * (MIB // 256)
        while (left := size - opened.tell()) > 0:
            opened.write(block[:left])
    return file


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


@contextmanager
def growth_of(pid: int) -> Iterator[list[float]]:
    """Fills the list with how many MiB a process had at most, beyond what it had before."""
    process, found = psutil.Process(pid), [0.0]
    before = process.memory_info().rss

    def look() -> None:
        found[0] = max(found[0], (process.memory_info().rss - before) / MIB)

    with looking(look):
        yield found


def require(held: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as a sentence
    """Raise BenchError unless it holds."""
    if not held:
        raise BenchError(otherwise)
