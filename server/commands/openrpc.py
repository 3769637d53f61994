"""`mediarpc openrpc`: print the OpenRPC document."""

import os
import sys
from argparse import Namespace

from procedures import PROCEDURES
from rpc.openrpc import describe


def run(_arguments: Namespace) -> None:
    """Print what `GET /openrpc.json` answers, indented."""
    try:
        print(describe(PROCEDURES).model_dump_json(by_alias=True, indent=2), flush=True)
    except BrokenPipeError:  # `| head` has read enough; what is still to be flushed goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
