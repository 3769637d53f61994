"""The queue (procrastinate, in the same Postgres): `enqueue` adds a run of a job inside the transaction that causes it.

So the run exists exactly when its cause is committed. A job is enqueued by its name; what it does stands in `jobs`.
"""

from typing import TYPE_CHECKING
from uuid import UUID

from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ConnectorException

from sql.database import Transaction

if TYPE_CHECKING:
    from procrastinate.types import JSONValue

# Declares the tasks; a worker runs them over a connector of its own.
QUEUE = App(connector=PsycopgConnector())

PROCESS_MEDIA = "process_media"
PURGE_MEDIA = "purge_media"
SETTLE_MEDIA = "settle_media"


async def enqueue(tx: Transaction, job: str, *media_ids: UUID, queue: str = "default", priority: int = 0) -> None:
    """Add a run of a job per media, to be started once the transaction commits; the higher the priority, the sooner."""
    if not media_ids:
        return
    deferrer = QUEUE.configure_task(job, connection=tx.open_connection, queue=queue, priority=priority)
    try:
        runs: list[dict[str, JSONValue]] = [{"media_id": str(media_id)} for media_id in media_ids]
        await deferrer.batch_defer_async(*runs)
    except ConnectorException as error:
        raise (error.__cause__ or error) from None  # the driver's own, which the transaction translates
