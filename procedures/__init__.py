"""The table of contents: every procedure, in the order of an upload's life."""

from procedures import media
from rpc.procedure import Procedure

PROCEDURES: tuple[Procedure, ...] = (
    media.get_supported_formats,
    media.initiate_upload,
    media.complete_upload,
    media.get_media,
    media.list_media,
    media.get_download_url,
    media.get_storage_usage,
    media.delete_media,
)
