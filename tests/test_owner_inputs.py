"""An owner in an input: an object, or as the token's claim has it."""

import pytest

from contracts.errors import ValidationFailed
from procedures import PROCEDURES
from rpc.auth import Caller
from rpc.dispatch import validate

HOST = Caller("host", owners=frozenset({"event:42"}))
WITH_OWNER = [procedure for procedure in PROCEDURES if "owner" in procedure.input.model_fields]
REST = {
    "filename": "a.jpg",
    "contentType": "image/jpeg",
    "size": 1,
    "postId": "a",
    "plan": "pro",
}


@pytest.mark.parametrize("procedure", WITH_OWNER, ids=lambda procedure: procedure.name)
@pytest.mark.parametrize("named", ["event:42", "team:a:b", "user:ada"])
def test_an_owner_is_taken_as_an_object_and_as_a_string(procedure, named):
    """The id is what stands behind the first colon."""
    kind, _, name = named.partition(":")
    rest = {alias: REST[alias] for field in procedure.input.model_fields.values() if (alias := field.alias) in REST}
    by_text = validate(procedure, {**rest, "owner": named})
    by_object = validate(procedure, {**rest, "owner": {"type": kind, "id": name}})
    assert by_text == by_object
    assert (by_text.owner.type, by_text.owner.id) == (kind, name)


@pytest.mark.parametrize(
    ("owner", "sentence"),
    [
        ("ada", 'owner must be like {"type": "event", "id": "42"} or like "event:42"'),
        (42, 'owner must be like {"type": "event", "id": "42"} or like "event:42"'),
        ("event:", "owner.id must not be empty"),
        ("Event:42", "owner.type must match ^[a-z][a-z0-9_-]{0,31}$"),
        ("event:" + "4" * 65, "owner.id must have at most 64 characters"),
        ({"type": "event"}, "owner.id is missing"),
    ],
)
def test_what_is_no_owner_is_refused(owner, sentence):
    (procedure,) = [each for each in PROCEDURES if each.name == "media.getStorageUsage"]
    with pytest.raises(ValidationFailed) as refused:
        validate(procedure, {"owner": owner})
    assert refused.value.message == sentence


async def test_uploads_of_an_owner_are_found_by_either_name(call):
    await call(
        "media.initiateUpload", caller=HOST, filename="a.jpg", contentType="image/jpeg", size=7, owner="event:42"
    )
    for owner in ("event:42", {"type": "event", "id": "42"}):
        assert (await call("media.getStorageUsage", caller=HOST, owner=owner)).reserved == 7
    assert (await call("media.getStorageUsage", caller=HOST)).reserved == 0
