"""Whatever comes in, the door stands: many malformed payloads through the real worker, each kept with its reason.

``python -m benchmarks.malformed [--payloads N]``: the recorded examples of all products, cut, with flipped bits, wrong
types, absurd numbers, deep nesting, and on wrong topics. What happens to be readable all the same is stored; everything
else must be in the dead letters. Memory is that of this process, after a tenth of the payloads and at the end.
"""

import argparse
import json
import random
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast

from psycopg import sql

from benchmarks.desk import MeasuredDesk, fresh_desk, server, topic
from benchmarks.report import tell
from devices.product import MessageKind
from devices.products import product_type, product_types
from devices.readings import Envelope
from gateway.ingest.source import Message
from simulators.progress import ProgressLine

_MOST_GROWTH_MB: Final = 50.0
_DEVICES: Final = 20
_ASTRAY_SHARE: Final = 0.05
_DEEP: Final = 5_000
_PAGE_BYTES: Final = 4096

Spoil = Callable[[bytes, random.Random], bytes]


def _cut(payload: bytes, chance: random.Random) -> bytes:
    return payload[: chance.randrange(len(payload))]


def _flipped(payload: bytes, chance: random.Random) -> bytes:
    changed = bytearray(payload)
    for _ in range(chance.randint(1, 8)):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _wrong_types(payload: bytes, chance: random.Random) -> bytes:
    """Put something strange in the place of one value, anywhere in the message."""
    message: Any = json.loads(payload)
    strange: list[object] = [None, True, [], {}, "x" * 40, -1, 1e308, [[1]], {"a": {"b": 1}}, "\u0000", 2**63]
    holder: Any = message
    while keys := _keys(holder):
        key = chance.choice(keys)
        if not _keys(holder[key]) or chance.random() < 0.3:
            holder[key] = chance.choice(strange)
            break
        holder = holder[key]
    return json.dumps(message).encode()


def _keys(value: object) -> list[str] | list[int]:
    """What a JSON object or list can be asked for; nothing for other values."""
    if isinstance(value, dict):
        return list(cast("dict[str, object]", value))
    return list(range(len(cast("list[object]", value)))) if isinstance(value, list) else []


def _deep(_payload: bytes, chance: random.Random) -> bytes:
    opening = chance.choice([b"[", b'{"a":', b'{"schema":"callout.telemetry/1","boot":1,"seq":1,"samples":['])
    return opening + b"[" * chance.randrange(_DEEP) + chance.choice([b"", b"]" * _DEEP])


def _huge_numbers(payload: bytes, chance: random.Random) -> bytes:
    digits = chance.choice([b"9" * 400, b"1e999999", b"-" + b"7" * 30, b"0." + b"3" * 500, b"NaN", b"Infinity"])
    return payload.replace(chance.choice([b'"boot": 1', b'"seq": 1', b"3.", b"0", b"1"]), digits, 1)


def _noise(_payload: bytes, chance: random.Random) -> bytes:
    return chance.randbytes(chance.randrange(2000))


def _large(payload: bytes, chance: random.Random) -> bytes:
    return payload + b" " * chance.randrange(1000, 4000) + b"x"


_SPOILS: Final[tuple[Spoil, ...]] = (_cut, _flipped, _wrong_types, _deep, _huge_numbers, _noise, _large)


def main() -> None:
    """Measure and tell."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    words.add_argument("--payloads", type=int, default=100_000)
    words.add_argument("--seed", type=int, default=7)
    asked = words.parse_args()
    progress = ProgressLine()
    with server() as dsn, fresh_desk(dsn) as desk:
        for product in product_types():
            desk.enrol(product, [f"{product}-{number}" for number in range(_DEVICES)])
        _measure(desk, asked.payloads, random.Random(asked.seed), progress)


def _measure(desk: MeasuredDesk, count: int, chance: random.Random, progress: ProgressLine) -> None:
    flood = Flood(count, chance)
    seconds = desk.take(flood, count, progress)
    kept, stored = _kept(desk), _stored(desk)
    # What was readable and is stored nowhere came twice with the same numbers, as a flipped bit may have it.
    absorbed = flood.readable - stored - kept
    lost = set(flood.sent_at) - kept - stored - absorbed
    growth_mb = flood.highest_mb - flood.warm_mb
    reasons = desk.admin.execute("SELECT reason, count(*) FROM rejection GROUP BY 1 ORDER BY 2 DESC, 1").fetchall()
    told = {
        "kept_with_a_reason": len(kept),
        "stored_whole": len(stored - kept),
        "absorbed": len(absorbed),
        "lost": len(lost),
        "growth_mb": round(growth_mb, 1),
        "seconds": round(seconds, 1),
    }
    tell(
        f"malformed: {count:,} payloads: {told['kept_with_a_reason']:,} kept with a reason, {told['stored_whole']:,} "
        f"readable all the same, {len(absorbed):,} of them doubles, {len(lost):,} lost; memory grew by {growth_mb:.1f} MB",
        [{"reason": reason, "pieces": number} for reason, number in reasons],
        {"benchmark": "malformed", "payloads": count, **told},
    )
    raise SystemExit(0 if not lost and growth_mb < _MOST_GROWTH_MB else 1)


class Flood:
    """Spoiled messages, made while they are taken; each has an instant of receipt of its own, by which it is found again."""

    def __init__(self, count: int, chance: random.Random) -> None:
        self.sent_at: list[datetime] = []
        self.readable: set[datetime] = set()
        self.warm_mb = self.highest_mb = 0.0
        self._count, self._chance = count, chance
        self._begins_at = datetime.now(UTC)
        self._examples = [
            (product, path.name, path.read_bytes()) for product in product_types() for path in _examples(product)
        ]

    def __iter__(self) -> Iterator[Message]:
        for number in range(self._count):
            message = self._spoiled(number)
            self.sent_at.append(message.received_at)
            if number == self._count // 10:
                self.warm_mb = _resident_mb()
            elif number > self._count // 10 and number % 500 == 0:
                self.highest_mb = max(self.highest_mb, _resident_mb())
            yield message

    def _spoiled(self, number: int) -> Message:
        chance = self._chance
        product, name, example = chance.choice(self._examples)
        numbered = re.sub(rb'"seq":\s*\d+', b'"seq": %d' % number, example)
        payload = chance.choice(_SPOILS)(numbered, chance)
        channel: MessageKind = "event" if name.startswith("event") else "telemetry"
        right = topic(f"{product}-{chance.randrange(_DEVICES)}", channel)
        is_astray = chance.random() < _ASTRAY_SHARE
        where = _wrong_topic(right, chance) if is_astray else right
        received_at = self._begins_at + timedelta(microseconds=number)
        if not is_astray and isinstance(product_type(product).decode(payload, channel), Envelope):
            self.readable.add(received_at)
        return Message(where, payload, received_at, (1, number))


def _kept(desk: MeasuredDesk) -> set[datetime]:
    return {at for (at,) in desk.admin.execute("SELECT DISTINCT received_at FROM rejection").fetchall()}


def _stored(desk: MeasuredDesk) -> set[datetime]:
    found: set[datetime] = set()
    for product in product_types():
        query = sql.SQL("SELECT DISTINCT received_at FROM {}").format(sql.Identifier(f"{product}_reading"))
        found |= {at for (at,) in desk.admin.execute(query).fetchall()}
    return found


def _examples(product: str) -> list[Path]:
    folder = Path(__file__).parents[1] / "devices" / "products" / product / "examples"
    return sorted(folder.glob("*.json"))


def _wrong_topic(right: str, chance: random.Random) -> str:
    return chance.choice(
        ["", "a", "callout/v1", f"{right}/more", right.replace("measured", "other"), right[:-3], right[:20]]
    )


def _resident_mb() -> float:
    """Memory of this process that is in use, MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * _PAGE_BYTES / 1e6


if __name__ == "__main__":
    main()
