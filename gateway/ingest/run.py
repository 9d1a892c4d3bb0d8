"""The ingest process: one worker on the source for all partitions."""

import logging
import signal
from types import FrameType

from devices.identity import PARTITIONS
from gateway.health.measures import IngestMeasures
from gateway.ingest.health import IngestHealth
from gateway.ingest.open_source import open_source
from gateway.ingest.worker import Worker
from gateway.settings import Settings
from gateway.storage.connection import Role, connect
from gateway.storage.migrate import check_schema

_log = logging.getLogger(__name__)


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
    partitions = range(PARTITIONS)
    opened = open_source(settings, partitions)
    source = opened.source
    measures = IngestMeasures(source.waiting)
    worker = Worker(
        source,
        lambda: connect(database_url, Role.INGEST),
        partitions,
        measures=measures,
        commands=opened.commands,
        patience_s=settings.gap_patience_s,
    )
    health = IngestHealth(settings, source, measures)

    def stop(_number: int, _frame: FrameType | None) -> None:
        worker.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    _log.info("ingest takes in partitions %d to %d", partitions.start, partitions.stop - 1)
    try:
        worker.run()
    finally:
        health.stop()
