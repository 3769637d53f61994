"""The child: takes its order as an argument, confines itself, runs one processor, and writes the answer into a pipe."""

import importlib
import os
import sys

from processing.confinement import confine
from processing.failures import ProcessingFailed, Reason
from processing.processors import processor_of
from processing.records import Answer, Order, from_json, to_json

STDOUT, STDERR = 1, 2


def main() -> int:
    """Answer one order."""
    order = from_json(Order, sys.argv[1])
    pipe = os.dup(STDOUT)
    os.dup2(STDERR, STDOUT)  # what a decoder prints is no answer
    confine(order.limits, order.parent)
    with os.fdopen(pipe, "wb") as answers:
        answers.write(to_json(_answer(order)))
    return 0


def _answer(order: Order) -> Answer:
    try:
        processor = processor_of(order.task.mime_type)
        return Answer(outcome=importlib.import_module(processor.module).process(order.task))
    except ProcessingFailed as failed:
        return Answer(failure=failed.reason, detail=failed.detail)
    except MemoryError:
        return Answer(failure=Reason.OUT_OF_MEMORY)


if __name__ == "__main__":
    sys.exit(main())
