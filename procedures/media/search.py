"""Parts of names, in upper or lower case of any script, whatever locale the database has."""

import unicodedata
from collections import defaultdict
from functools import cache

PLANES_WITH_CASES = 0x20000  # the two that have scripts with letters


def in_any_case(text: str) -> str:
    """The regular expression of PostgreSQL that finds this text in normalised (NFC) text, in upper or lower case."""
    return "".join(_either(character) for character in unicodedata.normalize("NFC", text))


def _either(character: str) -> str:
    """One character in each of its cases; told by numbers, so that none of them is a wildcard."""
    cases = _cases().get(character.casefold(), set()) | {character}
    return "[" + "".join(f"\\U{ord(case):08x}" for case in sorted(cases)) + "]"


@cache
def _cases() -> dict[str, set[str]]:
    """The characters that differ by case alone, by what they have in common."""
    cases: dict[str, set[str]] = defaultdict(set)
    for character in map(chr, range(PLANES_WITH_CASES)):
        folded = character.casefold()
        if folded != character:
            cases[folded] |= {character, folded} if len(folded) == 1 else {character}
    return cases
