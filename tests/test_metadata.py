"""`metadata` as the contract has it, and as processors make it."""

from typing import get_args

import msgspec

from contracts.metadata import AudioTags, MediaMetadata
from processing.protocol import Loss, Shown, Tags


def test_the_contract_has_every_member_that_processing_makes():
    """And no other: of a media, and of its tags."""
    for made, described in ((Shown, MediaMetadata), (Tags, AudioTags)):
        names = {field.encode_name for field in msgspec.structs.fields(made)}
        assert names == {field.alias for field in described.model_fields.values()}


def test_the_contract_has_every_warning():
    listed, _ = get_args(MediaMetadata.model_fields["warnings"].annotation)
    assert set(get_args(get_args(listed)[0])) == {loss.value for loss in Loss}
