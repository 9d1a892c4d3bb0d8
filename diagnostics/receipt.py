"""The evidence receipt: what a decision stood on, as one JSON document, its canonical bytes, and how two of them differ.

A receipt is made of what was decided and of digests of what it was decided from. It names no wall clock of its own: the
time of the decision is an input. It does not know where readings or receipts are kept.

Source: RFC 8785 (JSON Canonicalization Scheme) for the bytes that are hashed.
"""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, cast

import rfc8785

from devices.instants import from_us
from devices.monitors import Monitor
from diagnostics.diagnosis import THRESHOLDS, Diagnosis, Evidence
from diagnostics.rules import declared, watched

SCHEMA: Final = "callout.receipt/1"
Json = Mapping[str, Any]
# Beyond these a double does not hold every whole number.
_SAFE: Final = 2**53


@dataclass(frozen=True, slots=True)
class Seen:
    """A confirmed symptom as a decision saw it; `stretch` is the place of the readings that confirmed it, None: none did.

    `feature` is the value that its monitor looked at in the deciding sample, one number for each element.
    """

    symptom_id: int
    monitor: str
    element: int
    since_us: int
    value: float | None
    threshold: float | None
    text: str
    decided_received_us: int
    stretch: int | None
    feature: Sequence[float] | None

    @property
    def evidence(self) -> Evidence:
        """The symptom as a diagnosis needs it."""
        return Evidence(self.symptom_id, self.monitor, self.element, self.since_us)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Readings of one device that a decision stands on, after a state of its detectors; see `symptom_basis`.

    `rows` readings have the digest `sha256`; `first_ingest_no` and `newest_ingest_no` are 0 where there is none.
    """

    state_sha256: str | None
    begins_us: int | None
    ends_us: int
    last_ingest_no: int
    rows: int
    first_ingest_no: int
    newest_ingest_no: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a receipt says beside what was found: inputs of the decision that are recorded and not recomputed.

    `software` names what decided; `request` is what was open for the component, None when nothing was; `ticks_sha256`
    names the ticks of the server's clock by which a silence was found. `quiet` are symptoms (monitor, element, onset in us)
    that were there and that nobody was to hear: shelved, suppressed, or single comings of what chatters. `unheard` are
    monitors without a symptom that people had put aside.
    """

    device_id: int
    device: str
    decided_us: int
    software: Json
    request: Json | None
    ticks_sha256: str | None
    quiet: Sequence[tuple[str, int, int]] = ()
    unheard: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """A member of a receipt that is not what was recomputed: where it stands, and both values, None where absent."""

    path: str
    recorded: object
    recomputed: object


def build(
    rules: Json,
    monitors: Mapping[str, Monitor],
    around: Circumstances,
    stretches: Sequence[Stretch],
    seen: Sequence[Seen],
    diagnosis: Diagnosis | None,
    outcome: Json,
    calibration: Sequence[Json] = (),
) -> dict[str, Any]:
    """Return the receipt of a decision.

    Parameters
    ----------
    rules : Json
        Of the component, as `diagnostics.rules.of_component` gives them.
    monitors : mapping of str to Monitor
        The component's monitors by name.
    around : Circumstances
        What was recorded.
    stretches : sequence of Stretch
        The readings that the decision stands on; the first one are the newest, by which it is known what else is well.
    seen : sequence of Seen
        The symptoms that were open, in the order in which they were diagnosed.
    diagnosis : Diagnosis or None
        None when nothing was open.
    outcome : Json
        What triage decided.
    calibration : sequence of Json
        Of each symptom that reporting cycles have confirmed, what it cites; see `diagnostics.calibration.citation`.
    """
    leading = diagnosis.leading if diagnosis else None
    return {
        "schema": SCHEMA,
        "decided_at": instant(around.decided_us),
        "device": {"device_id": around.device_id, "name": around.device},
        "product": rules["product"],
        "component": rules["component"],
        "software": dict(around.software),
        "rules_sha256": digest(rules),
        "calibration": [dict(each) for each in calibration],
        "readings": [_stretch(stretch) for stretch in stretches],
        "ticks_sha256": around.ticks_sha256,
        "request_before": around.request,
        "symptoms": [_symptom(each, monitors.get(each.monitor)) for each in seen],
        "quiet": [
            {"monitor": monitor, "element": element, "since_at": instant(since_us)}
            for monitor, element, since_us in around.quiet
        ],
        # Left out where there is nothing to tell, as in receipts of before.
        **({"unheard": list(around.unheard)} if around.unheard else {}),
        "well": list(diagnosis.well) if diagnosis else [],
        "thresholds": dict(THRESHOLDS),
        "hypotheses": _hypotheses(diagnosis),
        "labels": list(diagnosis.labels) if diagnosis else [],
        "reliability": _reliability(rules),
        "next_check": _next_check(diagnosis),
        "leading": leading.fault if leading else None,
        "confidence": leading.probability if leading else None,
        "verdict": diagnosis.verdict.value if diagnosis else None,
        "since_at": instant(diagnosis.since_us) if diagnosis else None,
        "outcome": dict(outcome),
    }


def _stretch(stretch: Stretch) -> dict[str, object]:
    return {
        "state_before_sha256": stretch.state_sha256,
        "begins_at": None if stretch.begins_us is None else instant(stretch.begins_us),
        "ends_at": instant(stretch.ends_us),
        "last_ingest_no": stretch.last_ingest_no,
        "rows": stretch.rows,
        "first_ingest_no": stretch.first_ingest_no,
        "newest_ingest_no": stretch.newest_ingest_no,
        "rows_sha256": stretch.sha256,
    }


def _symptom(seen: Seen, monitor: Monitor | None) -> dict[str, object]:
    return {
        "symptom_id": seen.symptom_id,
        "monitor": seen.monitor,
        "element": seen.element,
        "since_at": instant(seen.since_us),
        "decided_received_at": instant(seen.decided_received_us),
        "value": number(seen.value),
        "threshold": number(seen.threshold),
        "text": seen.text,
        "readings": seen.stretch,
        "feature": None if monitor is None else watched(monitor),
        "feature_values": None if seen.feature is None else [number(value) for value in seen.feature],
        "thresholds": None if monitor is None else declared(monitor),
    }


def _hypotheses(diagnosis: Diagnosis | None) -> list[dict[str, object]]:
    return [
        {
            "fault": each.fault,
            "probability": each.probability,
            "is_rejected": place > 0,
            "evidence_for": [piece.symptom_id for piece in each.evidence_for],
            "missing": list(each.missing),
            "unexplained": [piece.symptom_id for piece in each.unexplained],
        }
        for place, each in enumerate(diagnosis.hypotheses if diagnosis else ())
    ]


def _reliability(rules: Json) -> dict[str, object]:
    """Cite the rows by which probabilities were mapped and label sets made; they are kept with the rules."""
    rows = rules["reliability"]
    return {"version": rows["version"], "coverage": rows["coverage"], "sha256": digest(rows)}


def _next_check(diagnosis: Diagnosis | None) -> dict[str, object] | None:
    wanted = diagnosis.next_check if diagnosis else None
    return None if wanted is None else asdict(wanted)


def instant(at_us: int) -> str:
    """Return an instant as a receipt writes it.

    >>> instant(1)
    '1970-01-01T00:00:00.000001Z'
    """
    return f"{from_us(at_us):%Y-%m-%dT%H:%M:%S.%fZ}"


def number(value: float | None) -> float | str | None:
    """Return a number as JSON has it, which knows no infinity; not a number is no value."""
    if value is None or math.isnan(value):
        return None
    return value if math.isfinite(value) else "infinity" if value > 0 else "-infinity"


def canonical(document: Json) -> bytes:
    """Return the canonical bytes of a document (RFC 8785).

    >>> canonical({"b": 1.0, "a": [0.1, "é"]}).decode()
    '{"a":[0.1,"é"],"b":1}'
    """
    return rfc8785.dumps(cast("dict[str, Any]", document))


def read(content: bytes) -> Any:
    """Return what canonical bytes say.

    A whole number beyond 2^53 is a float, as in any language that has no other numbers: it was one when it was written.

    Raises
    ------
    ValueError
        When it is no JSON.
    """
    return json.loads(content, parse_int=_whole)


def _whole(written: str) -> int | float:
    whole = int(written)
    return whole if abs(whole) < _SAFE else float(written)


def digest(document: Json) -> str:
    """Return the SHA-256 of a document's canonical bytes, in hexadecimal."""
    return hashlib.sha256(canonical(document)).hexdigest()


_ABSENT: Final = object()


def differences(recorded: object, recomputed: object, path: str = "") -> Iterator[Difference]:
    """Give what differs between two receipts, member by member.

    >>> [each.path for each in differences({"a": [1, {"b": 2}], "c": 3}, {"a": [1, {"b": 4}]})]
    ['a[1].b', 'c']
    """
    members, other_members = _members(recorded), _members(recomputed)
    items, other_items = _items(recorded), _items(recomputed)
    if members is not None and other_members is not None:
        for name in sorted(members.keys() | other_members.keys()):
            place = f"{path}.{name}" if path else name
            yield from differences(members.get(name, _ABSENT), other_members.get(name, _ABSENT), place)
    elif items is not None and other_items is not None:
        yield from _in_lists(items, other_items, path)
    elif recorded is _ABSENT or recomputed is _ABSENT or canonical({"": recorded}) != canonical({"": recomputed}):
        yield Difference(path, *(None if each is _ABSENT else each for each in (recorded, recomputed)))


def _members(value: object) -> Json | None:
    return cast("Json", value) if isinstance(value, Mapping) else None


def _items(value: object) -> list[object] | None:
    return cast("list[object]", value) if isinstance(value, list) else None


def _in_lists(recorded: list[object], recomputed: list[object], path: str) -> Iterator[Difference]:
    for place in range(max(len(recorded), len(recomputed))):
        one = recorded[place] if place < len(recorded) else _ABSENT
        other = recomputed[place] if place < len(recomputed) else _ABSENT
        yield from differences(one, other, f"{path}[{place}]")
