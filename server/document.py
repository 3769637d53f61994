"""A document of this server on the command line, which knows where it is called by the settings alone."""

import os
import sys

from contracts.wire import Wire
from server.settings import Settings


def endpoint_url(settings: Settings) -> str:
    """Below SERVER_URL; without it, where this machine would reach the server."""
    return (settings.server_url or settings.origin) + settings.rpc_path


def print_document(document: Wire) -> None:
    """Print a document, indented."""
    try:
        print(document.model_dump_json(by_alias=True, indent=2), flush=True)
    except BrokenPipeError:  # `| head` has read enough; what is still to be flushed goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
