"""What happens after the answer: every job, in the order of a media's life."""

from jobs.job import Job
from jobs.process import process_media
from jobs.purge import purge_media
from jobs.sweep import settle_media

JOBS: tuple[Job, ...] = (process_media, purge_media, settle_media)
