"""`mediarpc doctor`: look at everything that the settings name."""

import asyncio
import os
import sys
from argparse import Namespace

from server.doctor import examine
from server.settings import Settings


def run(_arguments: Namespace) -> None:
    """Look at everything, and say how it is; exit with 1 when something is amiss."""
    findings = asyncio.run(examine(Settings.from_environment(os.environ)))
    print("\n".join(map(str, findings)))
    if any(finding.verdict == "failed" for finding in findings):
        sys.exit(1)
