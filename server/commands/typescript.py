"""`mediarpc typescript`: write the TypeScript package's types."""

from argparse import Namespace

from procedures import PROCEDURES
from rpc.typescript import package_files
from server.generated import write


def run(arguments: Namespace) -> None:
    """Write what differs from the models, or name it."""
    write(package_files(PROCEDURES), arguments)
