"""Parts of names, in upper or lower case of any script, whatever locale the database has.

Names and parts are compared as people type them: in NFKC, with ss for ß, and i for İ, which no keyboard but one has.
"""

import unicodedata
from collections import defaultdict
from functools import cache
from typing import TypedDict

PLANES_WITH_CASES = 0x20000  # the two that have scripts with letters
DOTTED_I = "i\u0307"  # İ in lower case


class NamePart(TypedDict):
    """What `name_holds` looks for in names as they are typed, with each of `variants` as its counterpart in `plain`."""

    part: str | None
    variants: str
    plain: str


def in_any_case(text: str | None) -> NamePart:
    """This text, and the characters that differ by case alone from one of its own; nothing is in every name."""
    if text is None:
        return NamePart(part=None, variants="", plain="")
    typed = _typed(text)
    plain = {case: _plain(character) for character in typed for case in _cases_of(character)}
    variants = {case: stands_for for case, stands_for in plain.items() if case != stands_for}
    return NamePart(
        part="".join(map(_plain, typed)),
        variants="".join(variants),
        plain="".join(variants.values()),
    )


def _typed(text: str) -> str:
    """As `name_holds` reads a name, before it knows cases."""
    return unicodedata.normalize("NFKC", text).replace("ß", "ss").replace("ẞ", "ss").replace(DOTTED_I, "i")


def _plain(character: str) -> str:
    """The one that stands for a character in each of its cases."""
    folded = _folded(character)
    return folded if len(folded) == 1 else max(_cases_of(character))


def _cases_of(character: str) -> set[str]:
    return _cases().get(_folded(character), {character})


def _folded(character: str) -> str:
    return character.casefold().replace(DOTTED_I, "i")


@cache
def _cases() -> dict[str, set[str]]:
    """The characters that differ by case alone, by what they have in common."""
    cases: dict[str, set[str]] = defaultdict(set)
    for character in map(chr, range(PLANES_WITH_CASES)):
        folded = _folded(character)
        if folded != character:
            cases[folded] |= {character, folded} if len(folded) == 1 else {character}
    return cases
