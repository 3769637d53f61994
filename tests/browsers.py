"""The browser of this machine."""

import shutil

import pytest

NO_CHROMIUM = "Chromium is not on this machine; on Debian: apt-get install chromium"


def path_of_chromium() -> str:
    """Where Chromium is; without it the test is skipped."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip(NO_CHROMIUM)
    return found
