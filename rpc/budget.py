"""What the answers of one request may take together, so that a few bytes do not ask for many."""

from contracts.errors import AnswersTooLarge

MAX_ANSWERS_BYTES = 1024 * 1024


class AnswerBudget:
    """The bytes of a request's answers; the first is given whatever it takes."""

    def __init__(self, calls: int = 1) -> None:
        self.calls = calls
        self._spent = 0

    def spend(self, size_bytes: int) -> None:
        """Count one more answer; AnswersTooLarge when it comes on top of others and is too much."""
        if self._spent and self._spent + size_bytes > MAX_ANSWERS_BYTES:
            raise AnswersTooLarge(limit_bytes=MAX_ANSWERS_BYTES)
        self._spent += size_bytes
