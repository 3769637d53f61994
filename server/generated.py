"""Files that are made from the models, and stand in the tree."""

import sys
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path


def write(texts: Mapping[str, str], arguments: Namespace) -> None:
    """Write what differs into `arguments.folder`; with `arguments.check`, only name it and fail."""
    folder = Path(arguments.folder)
    files = {folder / name: text.encode() for name, text in texts.items()}
    differing = [file for file, text in files.items() if not file.is_file() or file.read_bytes() != text]
    if arguments.check and differing:
        sys.exit(f"mediarpc: not what the models say: {', '.join(map(str, differing))}")
    folder.mkdir(parents=True, exist_ok=True)
    for file in differing:
        file.write_bytes(files[file])
