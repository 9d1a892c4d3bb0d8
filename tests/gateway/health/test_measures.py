"""What ingest and work measure: by batch and by job, with the lag of each partition at the moment of the question."""

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from devices.readings import Refusal
from gateway.health.measures import IngestMeasures, WorkMeasures
from gateway.ingest.decode import Decoded, Rejected
from gateway.ingest.source import Message

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)


def came(partition: int, seconds_ago: float) -> Message:
    return Message(f"callout/v1/{partition}/acme/ev-1/telemetry", b"", NOW - timedelta(seconds=seconds_ago), (1, 1))


def shown(registry: CollectorRegistry) -> dict[str, float]:
    lines = generate_latest(registry).decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def test_lag_is_the_age_of_the_oldest_message_of_a_partition_in_hand_or_waiting() -> None:
    waiting = [came(7, 2.0), came(9, 1.0)]
    measures = IngestMeasures(lambda: waiting, lambda: NOW)
    measures.received([came(7, 5.0), came(7, 4.0), came(8, 3.0)])
    lags = measures.lags_s()
    assert (lags[7], lags[8], lags[9], lags[10]) == (5.0, 3.0, 1.0, 0.0)
    assert len(lags) == 64


def test_lag_is_gone_with_the_commit_and_a_batch_that_fails_keeps_it() -> None:
    batch = [came(7, 5.0), came(7, 4.0)]
    measures = IngestMeasures(now=lambda: NOW)
    measures.received([*batch, came(8, 3.0)])
    with pytest.raises(OSError, match="away"), measures.committing(batch):
        raise OSError("away")
    assert measures.lags_s()[7] == 5.0
    with measures.committing(batch):
        pass
    assert (measures.lags_s()[7], measures.lags_s()[8]) == (0.0, 3.0)
    figures = shown(measures.registry)
    assert figures["callout_ingest_messages_total"] == 2
    assert figures["callout_ingest_batch_messages_sum"] == 2
    assert figures['callout_ingest_lag_seconds{partition="8"}'] == 3.0


def test_rejections_are_counted_by_reason() -> None:
    measures = IngestMeasures()
    reasons = ("not_json", "unknown_device", "not_json")
    decoded = Decoded(rejected=[Rejected(came(1, 0), None, Refusal(reason, "")) for reason in reasons])
    measures.stored(decoded, 0)
    figures = shown(measures.registry)
    assert figures['callout_ingest_rejections_total{reason="not_json"}'] == 2
    assert figures['callout_ingest_rejections_total{reason="unknown_device"}'] == 1


def test_what_nobody_has_measured_is_not_shown_as_nothing() -> None:
    figures = shown(IngestMeasures().registry)
    assert figures["callout_broker_queue_fill_ratio"] != figures["callout_broker_queue_fill_ratio"]


def test_a_topic_that_names_no_partition_is_no_trouble() -> None:
    measures = IngestMeasures(lambda: [Message("callout/v1/x/y", b"", NOW, (1, 1)), Message("a", b"", NOW, (1, 1))])
    assert set(measures.lags_s().values()) == {0.0}


def test_jobs_are_counted_by_task_and_by_how_they_ended() -> None:
    measures = WorkMeasures()

    @measures.job("offer")
    def offer(*, request_id: int) -> int:
        return 10 // request_id

    assert offer(request_id=5) == 2
    with pytest.raises(ZeroDivisionError):
        offer(request_id=0)
    figures = shown(measures.registry)
    assert figures['callout_jobs_total{outcome="done",task="offer"}'] == 1
    assert figures['callout_jobs_total{outcome="failed",task="offer"}'] == 1
    assert figures['callout_job_seconds_count{task="offer"}'] == 2
