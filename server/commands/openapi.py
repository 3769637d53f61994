"""`mediarpc openapi`: print the OpenAPI document."""

import os
from argparse import Namespace

from procedures import PROCEDURES
from rpc.openapi import describe
from server.document import endpoint_url, print_document
from server.settings import Settings


def run(_arguments: Namespace) -> None:
    """Print what `GET /openapi.json` answers, indented."""
    settings = Settings.from_environment(os.environ)
    print_document(describe(PROCEDURES, endpoint_url(settings)))
