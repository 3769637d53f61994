"""`mediarpc typescript`: write the TypeScript package's types."""

import sys
from argparse import Namespace
from pathlib import Path

from procedures import PROCEDURES
from rpc.typescript import package_files


def run(arguments: Namespace) -> None:
    """Write what differs from the models, or name it."""
    folder = Path(arguments.folder)
    files = {folder / name: text.encode() for name, text in package_files(PROCEDURES).items()}
    differing = [file for file, text in files.items() if not file.is_file() or file.read_bytes() != text]
    if arguments.check and differing:
        sys.exit(f"mediarpc: not what the models say: {', '.join(map(str, differing))}")
    folder.mkdir(parents=True, exist_ok=True)
    for file in differing:
        file.write_bytes(files[file])
