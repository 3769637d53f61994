"""The command line in processes of its own, as its user starts it, and calls to what then listens."""

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol

import httpx
import psutil

from server.embedded import free_port
from server.settings import Settings, variable

MEDIARPC = Path(sys.executable).with_name("mediarpc")
TIMEOUT_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 30.0
TLS = ssl.create_default_context()  # reading the certificates for each client takes longer than most calls
_SETTINGS = {variable(known) for known in fields(Settings)}


def environment(**variables: str) -> dict[str, str]:
    """This process's environment, with these of our settings and no others."""
    return {**{name: value for name, value in os.environ.items() if name not in _SETTINGS}, **variables}


def mediarpc(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    return subprocess.run(
        [MEDIARPC, *arguments],
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )


@dataclass(frozen=True)
class Running:
    """A command that goes on until it is told to stop."""

    process: "Process"
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def output(self) -> str:
        """What it has printed, on both streams."""
        return self.log.read_text(encoding="utf-8")

    def wait_for(self, text: str, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        """Return once it has printed a text."""
        try:
            until(lambda: text in self.output or self.process.poll() is not None, timeout_seconds)
        except TimeoutError:
            raise AssertionError(f"{text!r} was never printed:\n{self.output}") from None
        assert text in self.output, f"It ended with {self.process.poll()}:\n{self.output}"

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send it a signal and wait for its end; the exit status."""
        self.process.send_signal(number)
        return self.process.wait(STOP_TIMEOUT_SECONDS)


class Process(Protocol):
    """What is asked of a process: `subprocess.Popen` has more."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, number: int, /) -> None: ...


@contextmanager
def running(command: list[str | Path], folder: Path, **variables: str) -> Iterator[Running]:
    """Start a command in a folder and a session of its own, as a terminal does; at the end it must stop when told."""
    log = new_log(folder)
    with log.open("wb") as printed:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=printed,
            start_new_session=True,
        )
    with stopping(process):
        yield Running(process, log)


def new_log(folder: Path) -> Path:
    """Where a command prints, in the folder that it works in."""
    return folder / f"{time.monotonic_ns()}.log"


@contextmanager
def stopping(process: Process) -> Iterator[None]:
    """Have a process stop in the end, which it must within its time."""
    try:
        yield
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            raise


def until(holds: Callable[[], object], timeout_seconds: float = TIMEOUT_SECONDS) -> None:
    """Return once something holds; TimeoutError when it never does."""
    deadline = time.monotonic() + timeout_seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.02)


def processes_of(folder: Path) -> dict[str, int]:
    """The id of each process whose command line names a folder or something in it, by the program's name.

    Of several it is the oldest: a process that was forked just now has its parent's command line still.
    """
    found: dict[str, int] = {}
    for process in psutil.process_iter(["cmdline", "name"]):
        if any(str(folder) in argument for argument in process.info["cmdline"] or ()):
            found.setdefault(process.info["name"], process.pid)
    return found


def command_of(process: psutil.Process) -> list[str]:
    """How a process was started; nothing of one that has ended."""
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def end_processes_of(folder: Path) -> None:
    """Kill what runs over a folder."""
    for pid in processes_of(folder).values():
        with suppress(psutil.NoSuchProcess):
            psutil.Process(pid).kill()


def is_free(port: int) -> bool:
    """Whether nobody listens on a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def nothing_is_left(data_dir: Path, port: int) -> bool:
    """Whether no process of a data folder runs, and nobody listens on its port."""
    return processes_of(data_dir) == {} and is_free(port)


@dataclass(frozen=True)
class Site:
    """A server at an origin, called with a token."""

    origin: str
    token: str

    def rpc(self, method: str, **params: Any) -> Any:
        """The result of one JSON-RPC call."""
        document = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        headers = {"authorization": f"Bearer {self.token}"}
        answer = httpx.post(f"{self.origin}/rpc", json=document, headers=headers, timeout=30, verify=TLS).json()
        assert "result" in answer, answer
        return answer["result"]

    def upload(self, body: bytes, filename: str = "photo.jpg", content_type: str = "image/jpeg") -> str:
        """Upload a file, a photo unless told otherwise; its id once it is ready."""
        told = {"filename": filename, "contentType": content_type, "size": len(body)}
        ticket = self.rpc("media.initiateUpload", **told)
        sent = httpx.put(ticket["uploadUrl"], content=body, headers=ticket["headers"], timeout=30, verify=TLS)
        assert sent.status_code == 200, sent.text
        self.rpc("media.completeUpload", mediaId=ticket["mediaId"])
        until(lambda: self.rpc("media.getMedia", mediaId=ticket["mediaId"])["media"]["status"] == "ready")
        return str(ticket["mediaId"])

    def download(self, media_id: str) -> bytes:
        """The bytes behind a media's download URL."""
        url = self.rpc("media.getDownloadUrl", mediaId=media_id)["url"]
        return httpx.get(url, timeout=30, verify=TLS).raise_for_status().content


@dataclass(frozen=True)
class Dev:
    """A `mediarpc dev` that is ready."""

    running: Running
    data_dir: Path
    port: int

    @property
    def site(self) -> Site:
        """The address and the token that it printed."""
        return Site(f"http://127.0.0.1:{self.port}", printed(r"^TOKEN=(\S+)$", self.running.output))


@contextmanager
def running_dev(data_dir: Path, *, prefix: tuple[str, ...] = (), **variables: str) -> Iterator[Dev]:
    """Start `mediarpc dev` on a free port, beside its data folder, and wait until it is ready."""
    port = free_port()
    variables = {"DATA_DIR": str(data_dir), "PORT": str(port), **variables}
    with running([*prefix, MEDIARPC, "dev"], data_dir.parent, **variables) as started:
        started.wait_for("Ctrl-C stops everything.")
        yield Dev(started, data_dir, port)


def printed(pattern: str, text: str) -> str:
    """What the pattern's group matches in a text."""
    found = re.search(pattern, text, re.MULTILINE)
    assert found, text
    return found[1]
