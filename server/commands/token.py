"""`mediarpc token`: print a token to try things with."""

import os
from argparse import Namespace

from server.commands import CommandError
from server.token import sign_token, token_settings


def run(arguments: Namespace) -> None:
    """Print the token and nothing else."""
    if arguments.ttl < 1:
        raise CommandError("--ttl must be at least 1 second")
    print(
        sign_token(
            token_settings(os.environ),
            user=arguments.user,
            plan=arguments.plan,
            scope=arguments.scope,
            owners=arguments.owner,
            ttl_seconds=arguments.ttl,
        )
    )
