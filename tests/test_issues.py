"""What a caller reads of an input that does not fit: JSON's words, whatever is wrong, in every procedure."""

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic_core import core_schema

from contracts.errors import ValidationFailed
from procedures import PROCEDURES
from rpc.dispatch import validate
from rpc.issues import _OWN_ISSUES, OTHER, SENTENCES, sentence_of
from rpc.procedure import Procedure

ID = "018f3c2e-7c1a-7b3c-8d4e-5f6a7b8c9d0e"
WRONG: list[Any] = [
    *(
        None,
        True,
        False,
        0,
        -1,
        7,
        1.5,
        2**70,
        float("inf"),
        "",
        "x",
        "a" * 1000,
        "\ud800",
        "a\0b",
        "E:1",
        "event:",
        ID,
    ),
    *([], [None], [[]], [{}], [7, 7], ["x", "x"], [ID] * 200, {}, {"a": 1}, {"type": 7, "id": []}, {"type": "user"}),
    *({"partNumber": "1"}, [{"partNumber": 0, "sha256": 7}], [{"partNumber": 1, "size": "x", "etag": 7}]),
]
PYTHON = re.compile(
    r"\b(dict|dictionary|dictionaries|list|tuple|set|frozenset|str|int|integer|float|bool|boolean|bytes|None|NoneType|"
    r"class|instance|model|attribute|Python|pydantic|Input should|isinstance|iterable|mapping|sequence)\b"
)
CLASSES = {name for procedure in PROCEDURES for name in (procedure.input.__name__, procedure.output.__name__)}


def inputs_of(procedure: Procedure) -> Iterator[Any]:
    """Wrong inputs of every kind: as a whole, and in each member beside what the others may be."""
    yield from WRONG
    members = [str(field.alias) for field in procedure.input.model_fields.values()]
    for wrong in WRONG:
        yield {"surprise": wrong}
        yield dict.fromkeys(members, wrong)
        for member in members:
            yield {member: wrong}


def issues_of(procedure: Procedure, value: Any) -> list[dict[str, Any]]:
    try:
        validate(procedure, value)
    except ValidationFailed as failed:
        return failed.errors
    return []


@pytest.mark.parametrize("procedure", PROCEDURES, ids=lambda procedure: procedure.name)
def test_no_sentence_has_a_word_of_python(procedure):
    """Nor the name of a class, nor what was given; and each says something of its own."""
    for value in inputs_of(procedure):
        for issue in issues_of(procedure, value):
            assert not PYTHON.search(issue["message"]), issue
            assert not CLASSES & set(re.findall(r"\w+", issue["message"])), issue
            assert "{" not in issue["message"].replace('{"type": "event", "id": "42"}', "").replace("{0,31}", ""), issue
            assert not issue["message"].endswith(OTHER), issue


def test_what_an_input_can_cause_has_its_sentence():
    """Every type of pydantic's that the inputs of all procedures cause, and none that there is not."""
    caused = {
        issue["code"]
        for procedure in PROCEDURES
        for value in inputs_of(procedure)
        for issue in issues_of(procedure, value)
    }
    assert caused - _OWN_ISSUES <= SENTENCES.keys()
    assert SENTENCES.keys() <= set(get_args(core_schema.ErrorType))


@pytest.mark.parametrize("kind", sorted(get_args(core_schema.ErrorType)))
def test_any_issue_of_pydantic_s_has_a_sentence(kind):
    """One that no input causes today, too: its own text is never told."""
    facts = {
        **dict.fromkeys(("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length"), 2),
        **dict.fromkeys(("pattern", "expected", "expected_schemes"), "'a'"),
        "field_type": "List",
    }
    told = sentence_of({"type": kind, "msg": "Input should be a valid dictionary", "ctx": facts}, "tags")
    assert told.startswith("tags ")
    assert not PYTHON.search(told)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ([], "The input must be an object"),
        ({}, "postId is missing"),
        ({"postId": "a", "mediaIds": {}}, "mediaIds must be an array"),
        ({"postId": "a", "mediaIds": []}, "mediaIds must not be empty"),
        ({"postId": "a", "mediaIds": [ID] * 101}, "mediaIds must have at most 100 items"),
        ({"postId": 7, "mediaIds": [ID]}, "postId must be a string"),
        ({"postId": "a" * 65, "mediaIds": [ID]}, "postId must have at most 64 characters"),
        ({"postId": "a", "mediaIds": [ID], "post": 1}, "post is not known"),
    ],
)
def test_a_sentence_names_its_place(value, sentence):
    (procedure,) = [each for each in PROCEDURES if each.name == "media.attachToPost"]
    assert issues_of(procedure, value)[0]["message"] == sentence
