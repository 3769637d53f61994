"""Files that outlast a power cut: what has been written is there after it, whole."""

import os
from pathlib import Path
from typing import IO


def write_durably(file: Path, text: str) -> None:
    """Give a file a text, for its owner alone to read; a power cut leaves the former text or this one."""
    partial = file.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with open_for_owner(partial, "xb") as opened:
        opened.write(text.encode())
        opened.flush()
        os.fsync(opened.fileno())
    rename_durably(partial, file)


def rename_durably(old: Path, new: Path) -> None:
    """Give a file or folder another name in the same folder; a power cut leaves it under one of them."""
    old.replace(new)
    folder = os.open(new.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def open_for_owner(file: Path, mode: str) -> IO[bytes]:
    """Open a file of bytes, which its owner alone may read when it is new."""
    return open(file, mode, opener=lambda name, flags: os.open(name, flags, 0o600))
