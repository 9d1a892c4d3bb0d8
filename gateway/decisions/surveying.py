"""Surveying: before a decision, what it stands on is loaded once, and played up to its end to see what else is well.

The readings of every open symptom are named by a stretch of them and the state of the detectors before; one stretch more,
the newest, is where the component stands now. What is decided from it and what receipts it both begin here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from devices.instants import from_us, to_us
from devices.monitors import Monitor, Silence
from devices.product import ProductType
from devices.readings import IntArray
from diagnostics.calibration.citation import Citation
from diagnostics.playback import known_well, play
from gateway.decisions.citing import cite
from gateway.storage import receipts
from gateway.storage.connection import Connection
from gateway.storage.readings import Readings
from gateway.storage.receipts import Basis, Grounds
from gateway.storage.stretches import Span, readings_of

# Later than any reading may claim to be.
_NO_END_US: Final = to_us(from_us(0).replace(year=9999))


@dataclass(frozen=True, slots=True)
class Survey:
    """What a decision about a component stands on.

    `bases` are its stretches, the newest first where the component has monitors of readings; `places` says which one each
    open symptom was confirmed in; `place` says of each of the readings which stretch it belongs to. `citations` are the
    reporting cycles that confirmed symptoms; the readings that their scores come from are among the stretches.
    """

    grounds: Grounds
    has_newest: bool
    bases: list[Basis]
    places: list[int | None]
    place: IntArray
    readings: Readings
    citations: Sequence[Citation]

    def well(self, product: ProductType, component: str) -> frozenset[str]:
        """Return the component's monitors that are known to be well at the end of the newest readings.

        A monitor that nobody is to hear is not heard here either, whether it says something or not.
        """
        if not self.has_newest:
            return frozenset()
        rows = np.flatnonzero(self.place == 0)
        newest = self.readings.at(rows)
        none: IntArray = np.zeros(len(rows), np.int64)
        monitors = of_name(product, component)
        (played,) = play(product, [self.grounds.state], none, newest.at_us, newest.columns(), monitors.keys())
        quiet = {symptom.monitor for symptom in self.grounds.quiet} | set(self.grounds.unheard)
        return known_well(product, played.end, self.bases[0].span.ends_us) & monitors.keys() - quiet


def survey(connection: Connection, grounds: Grounds, product: ProductType, component: str, now: datetime) -> Survey:
    """Load what a decision about a component stands on.

    Parameters
    ----------
    connection : Connection
        In the decision's transaction.
    grounds : Grounds
        As `receipts.gather` gave them.
    product : ProductType
        Of the device.
    component : str
        About which it is decided.
    now : datetime
        The time of the decision.
    """
    monitors = of_name(product, component)
    has_newest = any(not isinstance(monitor, Silence) for monitor in monitors.values())
    bases: list[Basis] = [_newest(connection, grounds, product, now)] if has_newest else []
    places = [None if ground.basis is None else _placed(bases, ground.basis) for ground in grounds.open]
    citations = cite(connection, grounds, lambda basis: _exactly_placed(bases, basis))
    place, readings = readings_of(connection, product, [basis.span for basis in bases])
    return Survey(grounds, has_newest, bases, places, place, readings, citations)


def of_name(product: ProductType, component: str) -> dict[str, Monitor]:
    """Return a component's monitors by name."""
    return {monitor.name: monitor for monitor in product.monitors if monitor.component == component}


def _newest(connection: Connection, grounds: Grounds, product: ProductType, now: datetime) -> Basis:
    """Return the stretch in which the newest reading lies: what came too late for it has moved no detector."""
    state_sha256 = None if grounds.state is None else receipts.keep_content(connection, grounds.state)
    anchor_us = None if grounds.anchor_at is None else to_us(grounds.anchor_at)
    wanted = Span(grounds.device_id, anchor_us, _NO_END_US, grounds.last_ingest_no)
    _, readings = readings_of(connection, product, [wanted])
    ends_us = int(readings.at_us[-1]) if len(readings) else anchor_us or to_us(now)
    span_us = int(product.lateness_s * 1e6)
    begins_us = None if anchor_us is None else max(anchor_us, ends_us // span_us * span_us)
    return Basis(state_sha256, Span(grounds.device_id, begins_us, ends_us, grounds.last_ingest_no))


def _placed(bases: list[Basis], wanted: Basis) -> int:
    """Return the place of a symptom's stretch; one that begins as another is the same when the other holds it."""
    for place, basis in enumerate(bases):
        is_newest = place == 0 and basis.span.ends_us >= wanted.span.ends_us
        if (basis.state_sha256, basis.span.begins_us) == (wanted.state_sha256, wanted.span.begins_us) and (
            is_newest or basis.span == wanted.span
        ):
            return place
    bases.append(wanted)
    return len(bases) - 1


def _exactly_placed(bases: list[Basis], wanted: Basis) -> int:
    """Return the place of a score's stretch: what came after its cycle was decided does not change it any more."""
    if wanted not in bases:
        bases.append(wanted)
    return bases.index(wanted)
