"""Parts of names, in upper or lower case of any script, whatever locale the database has."""

import unicodedata
from collections import defaultdict
from functools import cache
from typing import TypedDict

PLANES_WITH_CASES = 0x20000  # the two that have scripts with letters


class Part(TypedDict):
    """What `name_holds` looks for in normalised (NFC) names, with each of `variants` as its counterpart in `plain`."""

    part: str | None
    variants: str
    plain: str


def in_any_case(text: str | None) -> Part:
    """This text, and the characters that differ by case alone from one of its own; nothing is in every name."""
    if text is None:
        return Part(part=None, variants="", plain="")
    normal = unicodedata.normalize("NFC", text)
    plain = {case: _plain(character) for character in normal for case in _cases_of(character)}
    variants = {case: stands_for for case, stands_for in plain.items() if case != stands_for}
    return Part(
        part="".join(map(_plain, normal)),
        variants="".join(variants),
        plain="".join(variants.values()),
    )


def _plain(character: str) -> str:
    """The one that stands for a character in each of its cases."""
    folded = character.casefold()
    return folded if len(folded) == 1 else max(_cases_of(character))


def _cases_of(character: str) -> set[str]:
    return _cases().get(character.casefold(), {character})


@cache
def _cases() -> dict[str, set[str]]:
    """The characters that differ by case alone, by what they have in common."""
    cases: dict[str, set[str]] = defaultdict(set)
    for character in map(chr, range(PLANES_WITH_CASES)):
        folded = character.casefold()
        if folded != character:
            cases[folded] |= {character, folded} if len(folded) == 1 else {character}
    return cases
