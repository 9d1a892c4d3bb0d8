"""Engine: a step of the watch over a whole fleet, beside the same arithmetic in bare numpy: ``python -m benchmarks.engine``.

The step is one hour of a hundred thousand devices through the detector of lasting shifts, which learns, sums up evidence,
judges, and remembers since when what is wrong. The bare step keeps its state in whole columns of double precision and does
that arithmetic alone: no device is looked up, no delay runs, nothing is held against the time of the last sample, told, or
kept small. Both take turns, hour by hour, on the same values.
"""

import argparse
import time
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.figures import Figure
from benchmarks.report import tell
from devices.readings import Columns, FloatArray, IntArray
from diagnostics.state import unpack
from diagnostics.watch import Watch
from gateway.evaluate.fleet import PRODUCT
from simulators.progress import ProgressLine

_DEVICES: Final = 100_000
# The detector learns for 120 hours; what is measured comes after that.
_WARM_UP_H: Final = 125
_MEASURED_H: Final = 60
_AT_LEAST: Final = 0.6


@dataclass(slots=True)
class Bare:
    """The arithmetic of the shift detector over n devices, after its learning began; see `diagnostics.detectors.shift`."""

    middle: FloatArray
    sigma: FloatArray
    scale: FloatArray
    before: FloatArray
    products: FloatArray
    squares: FloatArray
    seen: FloatArray
    up: FloatArray = field(init=False)
    down: FloatArray = field(init=False)
    change: FloatArray = field(init=False)
    held: FloatArray = field(init=False)
    is_pending: NDArray[np.bool_] = field(init=False)
    since_us: IntArray = field(init=False)

    def __post_init__(self) -> None:
        """Begin without evidence."""
        self.up, self.down, self.change, self.held = (np.zeros(len(self.middle)) for _ in range(4))
        self.is_pending = np.zeros(len(self.middle), np.bool_)
        self.since_us = np.zeros(len(self.middle), np.int64)

    def step(self, level: FloatArray, at_us: IntArray) -> tuple[FloatArray, FloatArray]:
        """Take one hour's values; return the evidence and the change, [n]."""
        in_scales = self.sigma / self.scale
        residual = np.minimum(np.maximum((level - self.middle) / self.sigma, -6.0), 6.0)
        likeness = np.minimum(np.maximum(self.products / self.squares, 0.0), 0.95)
        innovation = (residual - likeness * self.before) * in_scales
        is_calm = np.maximum(self.up, self.down) <= 4.0
        self.seen += 1
        memory = np.minimum(self.seen, 672.0)
        shift = np.minimum(np.maximum(1.5 * (1.0 - likeness) * in_scales, 0.2), 2.0)
        doubt = in_scales * np.sqrt((1.0 - likeness) * (1.0 + likeness) / memory)
        for name, sign in (("up", 1.0), ("down", -1.0)):
            unshifted = innovation - sign * doubt
            shifted = unshifted - sign * shift
            told = getattr(self, name) + 2.5 * np.log((4.0 + unshifted * unshifted) / (4.0 + shifted * shifted))
            setattr(self, name, np.minimum(np.maximum(told, 0.0), 40.0))
        weight = np.where(is_calm, 1.0 / memory, 0.0)
        towards = 5.0 * innovation / (4.0 + innovation * innovation)
        self.middle += weight * 1.4 * self.scale / (1.0 - likeness) * towards
        self.sigma = np.maximum(self.sigma + weight * self.sigma * (1.2533 * np.abs(residual) - 1.0), 1e-6)
        moved = self.scale + weight * self.scale * (np.minimum(np.abs(innovation), 6.0) - 1.0)
        self.scale = np.maximum(moved, 0.25e-6)
        fades = np.where(is_calm, 1.0 - 1.0 / 672.0, 1.0)
        here = np.minimum(np.maximum(residual, -3.0), 3.0)
        before = np.minimum(np.maximum(self.before, -3.0), 3.0)
        self.products = (self.products + is_calm * here * before) * fades
        self.squares = (self.squares + is_calm * here * here) * fades
        self.change += (residual - self.change) / 12.0
        self.held = np.where(is_calm, 0.0, self.held + 1)
        self.before = residual
        evidence = np.maximum(self.up, self.down)
        is_usual = self.held >= 2160.0
        wrong, well = (evidence >= 8.0) & ~is_usual, (evidence <= 4.0) | is_usual
        self.is_pending = (self.is_pending | wrong) & ~well
        self.since_us = np.where(well, 0, np.where(self.since_us == 0, at_us, self.since_us))
        return evidence, self.change * self.sigma


@dataclass(frozen=True, slots=True)
class Stepped:
    """Median seconds of a step of each, and how far the two came apart at most, in nats."""

    devices: int
    engine_s: float
    bare_s: float
    apart: float


def main() -> None:
    """Measure and tell."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    words.add_argument("--devices", type=int, default=_DEVICES)
    asked = words.parse_args()
    stepped = _measured(asked.devices, ProgressLine())
    row: dict[str, object] = {
        "devices": stepped.devices,
        "engine_ms": stepped.engine_s * 1e3,
        "bare_ms": stepped.bare_s * 1e3,
        "ratio": stepped.bare_s / stepped.engine_s,
    }
    tell("a step of the engine beside bare numpy", [row], {"benchmark": "engine", "apart_nats": stepped.apart})


def figures(quick: bool, progress: ProgressLine) -> list[Figure]:
    """Measure one size."""
    stepped = _measured(_DEVICES // 20 if quick else _DEVICES, progress)
    return [
        Figure(
            "engine step",
            stepped.devices / stepped.engine_s,
            "readings/s",
            stepped.devices / stepped.bare_s,
            "bare numpy",
            at_least=_AT_LEAST,
            note=f"an hour of {stepped.devices:,} devices in {stepped.engine_s * 1e3:.1f} ms, lasting shifts looked for; "
            f"the bare step's evidence is the same within {stepped.apart:.2g} nats",
        )
    ]


def _measured(devices: int, progress: ProgressLine) -> Stepped:
    chance = np.random.default_rng(7)
    watch, ids = Watch(PRODUCT), np.arange(1, devices + 1)
    bare: Bare | None = None
    engine_s: list[float] = []
    bare_s: list[float] = []
    evidence = np.zeros(devices)
    progress.say("engine: an hour at a time, of both in turn")
    value = np.zeros(devices)
    for hour in range(_WARM_UP_H + _MEASURED_H):
        value = (0.5 * value + chance.standard_t(4, devices)).astype(np.float32).astype(np.float64)
        at_us = np.full(devices, (500_000 + hour) * 3_600_000_000)
        if hour == _WARM_UP_H:
            bare = _same_state(watch, ids)
        began_s = time.perf_counter()
        watch.step(ids, at_us, Columns({"value": value}, devices))  # pyright: ignore[reportArgumentType]
        engine_s.append(time.perf_counter() - began_s)
        if bare is None:
            continue
        began_s = time.perf_counter()
        evidence, _ = bare.step(value, at_us)
        bare_s.append(time.perf_counter() - began_s)
    now = _state(watch, ids)
    apart = float(np.abs(evidence - np.maximum(now["up"], now["down"])).max())
    return Stepped(devices, float(np.median(engine_s[_WARM_UP_H:])), float(np.median(bare_s)), apart)


def _state(watch: Watch, ids: IntArray) -> dict[str, FloatArray]:
    """What the engine remembers of each device, [n] by name."""
    (monitor,) = PRODUCT.monitors
    taken = unpack(watch.snapshot(ids.tolist()))
    names = ("middle", "sigma", "innovation", "before", "products", "squares", "seen", "up", "down", "change")
    return {name: taken[f"{monitor.name}.{name}"][:, 0].astype(np.float64) for name in names}


def _same_state(watch: Watch, ids: IntArray) -> Bare:
    now = _state(watch, ids)
    up, down, change, scale = (now.pop(name) for name in ("up", "down", "change", "innovation"))
    bare = Bare(scale=scale, **now)
    bare.up, bare.down, bare.change = up, down, change
    return bare


if __name__ == "__main__":
    main()
