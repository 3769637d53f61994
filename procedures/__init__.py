"""The table of contents: every procedure, in the order of an upload's life."""

from procedures.media import (
    content,
    deletion,
    events,
    library,
    multipart,
    part,
    posts,
    profile,
    progress,
    upload,
    usage,
)
from rpc.procedure import Procedure

PROCEDURES: tuple[Procedure, ...] = (
    usage.get_supported_formats,
    upload.initiate_upload,
    upload.complete_upload,
    multipart.initiate_multipart_upload,
    multipart.sign_parts,
    multipart.complete_multipart_upload,
    content.upload,
    part.upload_part,
    progress.get_upload_status,
    progress.list_uploads,
    upload.cancel_upload,
    library.get_media,
    library.list_media,
    library.get_download_url,
    posts.attach_to_post,
    posts.detach_from_post,
    posts.list_post_media,
    profile.set_profile_image,
    profile.get_profile_image,
    usage.get_storage_usage,
    deletion.delete_media,
    deletion.delete_many,
    posts.delete_post_media,
    events.watch,
    events.poll_events,
)
