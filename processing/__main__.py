"""The child: takes its order as an argument, confines itself, runs one processor, and writes the answer into a pipe."""

import importlib
import os
import sys
from typing import BinaryIO

from processing.failures import ProcessingFailed, Reason
from processing.protocol import Answer, Order, from_json, to_json
from processing.sandbox.confinement import confine

STDOUT, STDERR = 1, 2


def main() -> int:
    """Answer one order."""
    order = from_json(Order, sys.argv[1])
    pipe = os.dup(STDOUT)
    os.dup2(STDERR, STDOUT)  # what a decoder prints is no answer
    confine(order)
    with os.fdopen(pipe, "wb", buffering=0) as answers:
        _say(answers, _answer(order, answers))
    return 0


def _answer(order: Order, answers: BinaryIO) -> Answer:
    try:
        process = importlib.import_module(order.module).process
        return Answer(outcome=process(order.task, lambda done: _say(answers, Answer(done=done))))
    except ProcessingFailed as failed:
        return Answer(failure=failed.reason, detail=failed.detail)
    except MemoryError:
        return Answer(failure=Reason.OUT_OF_MEMORY)


def _say(answers: BinaryIO, answer: Answer) -> None:
    answers.write(to_json(answer) + b"\n")


if __name__ == "__main__":
    sys.exit(main())
