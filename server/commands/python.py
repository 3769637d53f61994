"""`mediarpc python`: write the generated modules of the Python client."""

from argparse import Namespace

from procedures import PROCEDURES
from rpc.python import package_files
from server.generated import write


def run(arguments: Namespace) -> None:
    """Write what differs from the models, or name it."""
    write(package_files(PROCEDURES), arguments)
