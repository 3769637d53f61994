"""The server's log as a test reads it."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from rpc import dispatch, introspection, refused_origins
from server.logging import Lines, configure_logging


@contextmanager
def events() -> Iterator[list[Any]]:
    """What is logged about calls, as dictionaries, whatever logging was configured before."""
    with _unbound_logger(), capture_logs() as captured:
        yield captured


class Written(io.StringIO):
    """What lies in a log, with the lines that would be written at the end of the event loop's turn."""

    lines: Lines

    def getvalue(self) -> str:
        self.lines.flush()
        return super().getvalue()


@contextmanager
def rendered(level: str = "INFO") -> Iterator[io.StringIO]:
    """What a process that has configured its logging writes to stderr."""
    root, configured = logging.getLogger(), structlog.get_config()
    handlers, root_level, manager = root.handlers[:], root.level, logging.Logger.manager
    levels = {name: known.level for name, known in manager.loggerDict.items() if isinstance(known, logging.Logger)}
    written = Written()
    try:
        with redirect_stderr(written), _unbound_logger():
            configure_logging(level)
            written.lines = structlog.get_config()["logger_factory"].__self__
            yield written
    finally:
        root.handlers[:] = handlers
        root.setLevel(root_level)
        for name, known in manager.loggerDict.items():
            if isinstance(known, logging.Logger):
                known.setLevel(levels.get(name, logging.NOTSET))
        structlog.configure(**configured)


def calls(log: io.StringIO) -> list[Any]:
    """The lines about calls."""
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    return [line for line in lines if line["event"] == "call"]


@contextmanager
def _unbound_logger() -> Iterator[None]:
    """Loggers that no earlier configuration clings to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dispatch, "log", structlog.get_logger("mediarpc.call"))
        patch.setattr(introspection, "log", structlog.get_logger("mediarpc.introspection"))
        patch.setattr(refused_origins, "log", structlog.get_logger("mediarpc.cors"))
        yield
