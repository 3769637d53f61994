"""The table of contents: every procedure, in the order of an upload's life."""

from procedures.media import accounts, audit, events, library, multipart, progress, upload, usage
from rpc.procedure import Procedure

PROCEDURES: tuple[Procedure, ...] = (
    usage.get_supported_formats,
    upload.initiate_upload,
    upload.complete_upload,
    multipart.initiate_multipart_upload,
    multipart.sign_parts,
    multipart.complete_multipart_upload,
    progress.get_upload_status,
    progress.list_uploads,
    upload.cancel_upload,
    library.get_media,
    library.list_media,
    library.get_download_url,
    usage.get_storage_usage,
    library.delete_media,
    events.watch,
    events.poll_events,
    accounts.set_plan,
    accounts.purge_user,
    audit.list_audit,
)
