"""What a media's `metadata` tells. It is answered as it was kept, by whichever version; the models say how it looks."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue, SkipJsonSchema

from contracts.wire import Wire


def _without_defaults(schema: JsonSchemaValue) -> None:
    for member in schema["properties"].values():
        member.pop("default", None)


_LEFT_OUT = ConfigDict(json_schema_serialization_defaults_required=False, json_schema_extra=_without_defaults)
_Absent = SkipJsonSchema[None]


class AudioTags(Wire):
    """What an audio file says of itself."""

    model_config = _LEFT_OUT

    title: str | _Absent = None
    artist: str | _Absent = None
    album: str | _Absent = None


class MediaMetadata(Wire):
    """What is known of a media, by its `type`; what is not is left out, and everything until it is processed.

    An image has `format` (what its file is), `frames` (over 1 when it moves), `placeholder` (a ThumbHash in base64) and
    `dominantColor` (#rrggbb). A video has `placeholder`, `dominantColor`, `codec` and `bitrate` (bits a second) of its
    image, `fps`, `hasAudio`, `rotation` (by how many degrees clockwise it was turned upright), and `warnings` where
    its renditions lack something. Audio has `codec`, `bitrate` and `tags`.
    """

    model_config = _LEFT_OUT

    format: str | _Absent = None
    frames: int | _Absent = None
    placeholder: str | _Absent = None
    dominant_color: str | _Absent = None
    codec: str | _Absent = None
    bitrate: int | _Absent = None
    fps: float | _Absent = None
    has_audio: bool | _Absent = None
    rotation: int | _Absent = None
    tags: AudioTags | _Absent = None
    warnings: list[Literal["sound_unsupported", "sound_incomplete"]] | _Absent = None


class _LooksLike:
    def __init__(self, model: type[Wire]) -> None:
        self._model = model

    def __get_pydantic_json_schema__(self, _schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(self._model.__pydantic_core_schema__)


Metadata = Annotated[dict[str, Any], _LooksLike(MediaMetadata)]
