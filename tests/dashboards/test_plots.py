"""Geometry and words of the evidence: hours from the roll-up, gaps, values that are missing."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.figures import figures
from dashboards.plots import HEIGHT, WIDTH, draw
from devices.products import product_type
from gateway.forgetting import Forgetting
from gateway.storage.connection import Role, connect
from gateway.storage.pages import series as bounded
from gateway.storage.pages.request import find_request
from gateway.storage.pages.series import Series, Span, load
from gateway.texts import translator
from tests.dashboards.scene import INSULATION, NOW, TYRE, WEAK_CELL, Scene

BEGIN = datetime(2026, 11, 21, tzinfo=UTC)


def series(values: list[float], minutes: list[float]) -> Series:
    numbers = np.array(values, dtype=np.float64)
    return Series([BEGIN + timedelta(minutes=at) for at in minutes], {0: numbers}, numbers - 1, numbers + 1)


def drawn(plotted: Series, **more: float | None):
    span = Span(BEGIN, BEGIN + timedelta(hours=24))
    return draw(
        plotted,
        {0: "x"},
        span=span,
        markers=[("since", BEGIN + timedelta(hours=3)), ("elsewhere", BEGIN - timedelta(hours=3))],
        threshold=more.get("threshold"),
        has_zero=False,
        t=translator("en"),
        zone_name="Asia/Seoul",
    )


@given(
    st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(float("nan"))), min_size=2, max_size=60),
    st.one_of(st.none(), st.floats(-1e6, 1e6)),
)
def test_everything_is_drawn_within_the_frame(values: list[float], threshold: float | None) -> None:
    drawing = drawn(series(values, [10.0 * index for index in range(len(values))]), threshold=threshold)
    pieces = [*drawing.band, *(piece for line in drawing.lines for piece in line.pieces)]
    for point in " ".join(pieces).split():
        x, y = (float(part) for part in point.split(","))
        assert 0 <= x <= WIDTH
        assert 0 <= y <= HEIGHT
    assert len(drawing.y_ticks) <= 12
    assert [marker.label for marker in drawing.markers] == ["since"]


def test_a_pause_is_a_gap_and_a_lone_reading_a_dot() -> None:
    drawing = drawn(series([1, 2, 3, 4, 5, 6], [0, 1, 2, 300, 301, 900]))
    (line,) = drawing.lines
    assert len(line.pieces) == 3
    first, second = line.pieces[2].split()
    assert first == second


def test_midnight_is_told_by_its_day() -> None:
    texts = [tick.text for tick in drawn(series([1, 2], [0, 1000])).x_ticks]
    assert "22 Nov" in texts
    assert "18:00" in texts


def figure_of(scene: Scene, hypotheses: list[dict[str, object]], component: str = "traction_battery"):
    device_id = scene.device()
    scene.readings(device_id)
    request_id = scene.request(device_id, hypotheses, component=component)
    with scene.in_tenant():
        row = find_request(scene.conn, request_id)
        assert row is not None
        return figures(scene.conn, row, translator("en"), zone_name="Asia/Seoul", now=NOW, at_most=3)


def test_the_named_cell_is_drawn_against_the_middle_of_its_pack(scene: Scene) -> None:
    (figure,) = figure_of(scene, WEAK_CELL)
    assert figure.unit == "mV"
    assert figure.sentence == "Cell 81: up to 62 mV below the middle of the others since 21 November 2026"
    assert [line.label for line in figure.drawing.lines] == ["Cell 81"]
    assert figure.columns == ("Time", "Cell 81", "The others")
    assert len(figure.rows) == 12
    assert figure.threshold_label == "", "the limit is a score, not a voltage"


def test_a_reported_code_is_shown_by_the_quantity_that_it_is_about(scene: Scene) -> None:
    (figure,) = figure_of(scene, INSULATION)
    assert figure.title == "Insulation resistance"
    assert "kΩ" in figure.sentence


def test_one_tyre_is_drawn_among_the_others(scene: Scene) -> None:
    (figure,) = figure_of(scene, TYRE, "tyres")
    assert figure.drawing.lines[0].label == "Tyre 2"
    assert figure.sentence.startswith("Tyre 2 last read 20")


def test_a_request_without_readings_has_no_figure(scene: Scene) -> None:
    request_id = scene.request(scene.device(), WEAK_CELL)
    with scene.in_tenant():
        row = find_request(scene.conn, request_id)
        assert row is not None
        assert figures(scene.conn, row, translator("ja"), zone_name="Asia/Tokyo", now=NOW, at_most=1) == ()


def test_months_are_drawn_from_the_hours(scene: Scene) -> None:
    device_id = scene.device()
    begins_at = NOW - timedelta(days=90)
    with scene.conn.cursor().copy(
        "COPY electric_vehicle_hour (device_id, hour_at, samples, cell_voltages_v_avg, soc_pct_min, soc_pct_avg, "
        "soc_pct_max) FROM STDIN"
    ) as copy:
        for hour in range(90 * 24):
            cells: list[float | None] = [3.7, None, 3.7 - hour / 40_000, 3.71, 3.69]
            copy.write_row((device_id, begins_at + timedelta(hours=hour), 60, cells, 20.0, 50.0, 80.0))
    product = product_type("electric_vehicle")
    span = Span(begins_at, NOW)
    with scene.in_tenant():
        found = load(
            scene.conn, product, product.plots["cell_leaves_pack"], device_id=device_id, elements=[3, 2, 99], span=span
        )
    assert found is not None
    assert 100 < len(found.at) <= 152
    assert set(found.lines) == {3, 2}
    assert -55 < found.lines[3][-1] < -45
    assert np.isnan(found.lines[2]).all()
    assert np.nanmax(found.high) < 20


def test_samples_of_a_span_that_is_not_rolled_up_are_read_up_to_a_bound_the_newest(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    device_id = scene.device()
    scene.readings(device_id, hours=72)
    product = product_type("electric_vehicle")
    monkeypatch.setattr(bounded, "_SAMPLES_AT_MOST", 300)
    with scene.in_tenant():
        for monitor in ("cell_leaves_pack", "insulation_low"):
            plot = product.plots[monitor]
            span = Span(NOW - timedelta(hours=72), NOW)
            found = load(scene.conn, product, plot, device_id=device_id, elements=[81], span=span)
            assert found is not None
            assert NOW - timedelta(hours=22) < found.at[0] < found.at[-1] > NOW - timedelta(hours=1)


def test_evidence_looks_the_same_after_the_readings_of_its_days_were_forgotten(scene: Scene, database: str) -> None:
    device_id, other_id = scene.device(), scene.device()
    for each in (device_id, other_id):
        scene.readings(each)
    request_id = scene.request(device_id, WEAK_CELL)
    later = NOW + timedelta(days=500)
    # They went on reporting, and the detectors have seen all of it.
    scene.conn.execute(
        """INSERT INTO device_presence (device_id, newest_claimed_at) SELECT device_id, %s FROM device
        ON CONFLICT (device_id) DO UPDATE SET newest_claimed_at = EXCLUDED.newest_claimed_at""",
        [later],
    )
    scene.conn.execute("UPDATE ingest_partition SET last_ingest_no = %(no)s, settled_ingest_no = %(no)s", {"no": 2**40})
    scene.conn.execute("INSERT INTO detector_checkpoint VALUES (3, 'electric_vehicle', %s, '', %s)", [2**40, NOW])
    with scene.in_tenant():
        row = find_request(scene.conn, request_id)
        assert row is not None
        before = figures(scene.conn, row, translator("en"), zone_name="Asia/Seoul", now=NOW, at_most=3)
    assert before
    with connect(database, Role.WORK) as work:
        forgotten = sum(Forgetting(14).go_on(work, later + timedelta(seconds=step)) for step in range(4))
    assert forgotten > 0
    readings = "SELECT count(*) FROM electric_vehicle_reading WHERE device_id = %s"
    assert scene.one(readings, other_id) == 0
    with scene.in_tenant():
        assert figures(scene.conn, row, translator("en"), zone_name="Asia/Seoul", now=NOW, at_most=3) == before
