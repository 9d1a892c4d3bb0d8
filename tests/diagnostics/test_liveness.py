"""Online, late, silent, retired: by cadence, by last will, and by the silences that were confirmed."""

from datetime import UTC, datetime, timedelta

from devices.products import product_type
from diagnostics.liveness import Heard, Liveness, liveness

NOW = datetime(2026, 11, 22, tzinfo=UTC)
METER, VEHICLE = product_type("smart_meter"), product_type("electric_vehicle")


def ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


def test_a_device_that_was_never_heard_is_neither_late_nor_silent() -> None:
    assert liveness(METER, Heard(), NOW) is Liveness.NEVER_HEARD
    assert liveness(METER, Heard(is_online=True, told_at=ago(9)), NOW) is Liveness.NEVER_HEARD


def test_it_is_late_by_the_cadence_of_its_kind() -> None:
    assert liveness(METER, Heard(ago(2)), NOW) is Liveness.ONLINE
    assert liveness(METER, Heard(ago(4)), NOW) is Liveness.LATE
    assert liveness(VEHICLE, Heard(ago(4)), NOW) is Liveness.ONLINE
    assert liveness(VEHICLE, Heard(ago(24 * 4)), NOW) is Liveness.LATE


def test_a_good_bye_makes_late_at_once_unless_its_kind_sleeps() -> None:
    gone = Heard(ago(1), is_online=False, told_at=ago(0.5))
    assert liveness(METER, gone, NOW) is Liveness.LATE
    assert liveness(VEHICLE, gone, NOW) is Liveness.ONLINE
    assert liveness(METER, Heard(ago(0.1), is_online=False, told_at=ago(0.5)), NOW) is Liveness.ONLINE


def test_silent_is_what_the_clock_of_listening_has_confirmed() -> None:
    assert liveness(METER, Heard(ago(200)), NOW) is Liveness.LATE
    assert liveness(METER, Heard(ago(200), silent_since_at=ago(200)), NOW) is Liveness.SILENT
    assert liveness(METER, Heard(ago(0.1), silent_since_at=ago(200)), NOW) is Liveness.ONLINE
    assert liveness(METER, Heard(ago(1), silent_since_at=ago(200), returned_at=ago(1)), NOW) is Liveness.ONLINE
    assert liveness(METER, Heard(ago(30), silent_since_at=ago(200)), NOW) is Liveness.SILENT


def test_retired_is_said_before_all_else() -> None:
    assert liveness(METER, Heard(ago(1), ago(200), retired_at=ago(3)), NOW) is Liveness.RETIRED
