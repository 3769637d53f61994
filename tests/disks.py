"""Small disks, and disks that nothing can be written on."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PIECE = 4096


@contextmanager
def mounted(folder: Path, size: int) -> Iterator[Path]:
    """A disk of this many bytes in a folder."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def fill(disk: Path, room: int) -> Path:
    """Leave this many bytes on a disk; what else there was is returned to whoever removes the file."""
    filler = disk / "filler"
    filler.unlink(missing_ok=True)
    with filler.open("wb", buffering=0) as file:
        for _ in range((shutil.disk_usage(disk).free - room) // PIECE):
            file.write(bytes(PIECE))
    return filler
