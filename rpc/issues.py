"""What is wrong with an input, in the words of JSON: pydantic's own sentences speak of Python's classes."""

from collections.abc import Mapping
from typing import Any

OBJECT, ARRAY, STRING = "must be an object", "must be an array", "must be a string"
INTEGER, NUMBER, BOOLEAN = "must be a whole number", "must be a number", "must be true or false"
UUID, URL = "must be a UUID", "must be a URL"
MOMENT = "must be a date and time in ISO 8601"
# By pydantic's error type. What only Python's values can cause is told by OTHER.
SENTENCES = {
    "missing": "is missing",
    "extra_forbidden": "is not known",
    "none_required": "must be null",
    "json_invalid": "must be JSON",
    "json_type": "must be JSON",
    "recursion_depth_exceeded": "is nested too deeply",
    "model_type": OBJECT,
    "model_attributes_type": OBJECT,
    "dataclass_type": OBJECT,
    "dict_type": OBJECT,
    "mapping_type": OBJECT,
    "list_type": ARRAY,
    "tuple_type": ARRAY,
    "set_type": ARRAY,
    "frozen_set_type": ARRAY,
    "iterable_type": ARRAY,
    "too_short": "must have at least {min_length} {field_type}",
    "too_long": "must have at most {max_length} {field_type}",
    "string_type": STRING,
    "string_unicode": "must be valid Unicode",
    "string_not_ascii": "must be ASCII",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "int_type": INTEGER,
    "int_parsing": INTEGER,
    "int_parsing_size": "must be a whole number with fewer digits",
    "int_from_float": INTEGER,
    "float_type": NUMBER,
    "float_parsing": NUMBER,
    "finite_number": "must be a finite number",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "bool_type": BOOLEAN,
    "bool_parsing": BOOLEAN,
    "uuid_type": UUID,
    "uuid_parsing": UUID,
    "uuid_version": UUID,
    "url_type": URL,
    "url_parsing": URL,
    "url_syntax_violation": URL,
    "url_too_long": "must be a URL of at most {max_length} characters",
    "url_scheme": "must be a URL of the scheme {expected_schemes}",
    "datetime_type": MOMENT,
    "datetime_parsing": MOMENT,
    "datetime_from_date_parsing": MOMENT,
    "timezone_aware": "must have a time zone",
    "date_type": "must be a date in ISO 8601",
    "date_parsing": "must be a date in ISO 8601",
    "union_tag_invalid": "must be of a known kind",
    "union_tag_not_found": "must tell its kind",
}
OTHER = "is not valid"
EMPTY = "must not be empty"  # where one is asked for
_ITEMS = {"field_type": "items"}  # where pydantic tells the class


# Issues of the contracts' own validators, whose sentences name the field already.
_OWN_ISSUES = frozenset({
    "media_id", "filename", "content_type", "sha256", "cursor", "idempotency_key", "event_id", "part_numbers", "owner",
    "post_id", "search", "direction",
})  # fmt: skip


def sentence_of(issue: Mapping[str, Any], place: str) -> str:
    """What a caller reads of an issue that pydantic found at a place of the input, nowhere for the input itself."""
    if issue["type"] in _OWN_ISSUES:
        return str(issue["msg"])
    facts = {**issue.get("ctx", {}), **_ITEMS}
    sentence = EMPTY if facts.get("min_length") == 1 else SENTENCES.get(issue["type"], OTHER)
    return f"{place or 'The input'} {sentence.format(**facts)}"
