"""The ingest process: a worker for each range of partitions that is this process's share."""

import signal
from types import FrameType

from psycopg.conninfo import make_conninfo

from gateway.health.measures import IngestMeasures
from gateway.ingest.choose_sessions import choose_sessions
from gateway.ingest.garbage import collect_rarely
from gateway.ingest.health import IngestHealth
from gateway.ingest.lease import Lease, Whole
from gateway.ingest.sharing import Sharing
from gateway.ingest.source import Commands, Source
from gateway.ingest.worker import Worker
from gateway.settings import Settings
from gateway.storage.connection import Role, connect
from gateway.storage.leases import application_name
from gateway.storage.migrate import check_schema


def run(settings: Settings) -> None:
    """Take in what devices send, until SIGTERM or SIGINT.

    Raises
    ------
    CalloutError
        When the database or the broker cannot be reached at the start, or the schema does not fit.
    """
    database_url = settings.required("database_url")
    with connect(database_url, Role.INGEST) as connection:
        check_schema(connection)
    measures = IngestMeasures()

    def employ(lease: Lease | Whole, source: Source, commands: Commands) -> Worker:
        named_url = make_conninfo(database_url, application_name=application_name(lease.process_no))
        worker = Worker(
            source,
            lambda: connect(named_url, Role.INGEST),
            lease.partitions,
            measures=measures.of_range(lease.partitions, source),
            commands=commands,
            patience_s=settings.gap_patience_s,
            lease=lease,
        )
        # What it has read of its devices stays as long as it does.
        collect_rarely()
        return worker

    sharing = Sharing(database_url, settings.ranges, choose_sessions(settings), employ)
    health = IngestHealth(settings, sharing, measures)

    def stop(_number: int, _frame: FrameType | None) -> None:
        sharing.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        sharing.run()
    finally:
        health.stop()
