"""clamd in a container, with the one signature of EICAR's test file, which is no malware."""

import io
import os
import socket
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from docker.errors import DockerException
from testcontainers.core.container import DockerContainer

from tests.media_files import photo
from tests.processes import until
from tests.services import Servers

ANSWER_SECONDS = 60.0
PORT = 3310
MISSING = "clamd runs in Docker, which does not answer here or has no image of it"

# In two pieces, so that no scanner takes this file for it.
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}" + b"$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


@contextmanager
def clamd(servers: Servers) -> Iterator[str]:
    """The URL of a clamd that answers; skips where there is none."""
    image = os.environ.get("CLAMAV_IMAGE")
    if os.environ.get("TEST_SERVICES") == "embedded" or "minio" in servers.missing or image is None:
        pytest.skip(MISSING)
    with ExitStack() as stack:
        try:
            container = stack.enter_context(DockerContainer(image).with_exposed_ports(PORT))
        except DockerException:
            if os.environ.get("TEST_SERVICES") == "docker":
                raise
            pytest.skip(MISSING)
        host, port = container.get_container_host_ip(), int(container.get_exposed_port(PORT))
        until(lambda: _answers(host, port), ANSWER_SECONDS)
        yield f"tcp://{host}:{port}"


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=1) as connection:
            connection.sendall(b"nPING\n")
            return connection.recv(16) == b"PONG\n"
    except OSError:
        return False


def zipped(body: bytes) -> bytes:
    """A ZIP archive with one file."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("file", body)
    return written.getvalue()


def infected(body: bytes | None = None) -> bytes:
    """An image, or another file, behind which an archive with the test file hangs."""
    return (photo() if body is None else body) + zipped(EICAR)
