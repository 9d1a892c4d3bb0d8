"""How far a product's diagnoses are to be believed, measured on simulated devices of which it is known what is wrong.

Run as ``python -m tests.devices.products.reliability PRODUCT`` it makes ``devices/products/PRODUCT/reliability.py``: each
promised trial of the product's plan, at its strength and half as strong again, on as many devices; one case is the first
diagnosis of the component that is ill. A third of the cases gives the temperature, a third the scores of the label sets,
and a third, which neither has seen, the table and the coverage that was held.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from math import ceil, log
from pathlib import Path

import numpy as np

from devices.product import ProductType
from devices.products import product_type, product_types
from devices.reliability import Bin, Reliability
from diagnostics.diagnosis import Evidence, diagnose
from diagnostics.labels import believed, not_ruled_out
from diagnostics.playback import known_well
from diagnostics.watch import Watch
from gateway.evaluate.street import Street
from gateway.evaluate.trials import Pace, Trial, load_trials
from tests.devices.products.recordings import folder

SEED = 20261123
STRENGTHS = (1.0, 1.5)
COVERAGE = 0.9
# Simulated devices have no fault that nobody has described, so they may take certainty back, and never add any.
_TEMPERATURES = np.round(np.geomspace(1.0, 8.0, 37), 2)
_BINS = (0.0, 0.5, 0.7, 0.8, 0.9, 0.97, 1.0)


@dataclass(frozen=True, slots=True)
class Case:
    """A device's first diagnosis: the probability of each label, and which of them are right."""

    probabilities: dict[str, float]
    right: frozenset[str]

    def truth(self, temperature: float) -> float:
        """Return the probability that was given to what is right."""
        believes = believed(self.probabilities, temperature)
        return max(believes.get(code, 0.0) for code in self.right)


def cases(product: ProductType, devices: int) -> Iterator[Case]:
    """Give the cases of devices that are ill, one pace of the product's plan after another."""
    plan = load_trials(product)
    for number, (name, pace) in enumerate(plan.paces.items()):
        trials = [trial for trial in plan.trial if trial.kind and trial.pace == name and trial.within is not None]
        rows = [
            (trial, trial.severity * factor) for trial in trials for factor in (STRENGTHS if trial.severity else (1.0,))
        ]
        if rows:
            yield from _run(product, pace, rows, devices, SEED + number)


def _run(
    product: ProductType, pace: Pace, rows: Sequence[tuple[Trial, float]], devices: int, seed: int
) -> Iterator[Case]:
    ills = [(trial.kind, severity, devices) for trial, severity in rows]
    lasts = timedelta(days=max(trial.watched_d for trial, _ in rows))
    watch, done = Watch(product), set[int]()
    component = {monitor.name: monitor.component for monitor in product.monitors}
    learned = timedelta(days=pace.learned_d)
    with Street(product.name, ills, 0, learned=learned, lasts=lasts, step=pace.step, seed=seed) as street:
        onsets = [injected.onset_us for injected in street.devices() if injected is not None]
        for frame in street.frames():
            ids = frame.ids()
            told: dict[int, list[Evidence]] = {}
            for change in watch.step(ids, np.full(len(ids), frame.at_us), frame.columns(product)):
                place = change.device_id - 1
                right = _right(rows[place // devices][0])
                is_there = component[change.monitor] in {product.faults[code].component for code in right}
                if change.phase == "confirmed" and is_there and frame.at_us >= onsets[place] and place not in done:
                    evidence = told.setdefault(place, [])
                    evidence.append(Evidence(len(evidence), change.monitor, change.element, change.since_us))
            for place, evidence in told.items():
                done.add(place)
                well = known_well(product, watch.snapshot([place + 1]), frame.at_us)
                found = diagnose(product, component[evidence[0].monitor], evidence, well)
                if found is not None:
                    probabilities = {each.fault: each.probability for each in found.hypotheses}
                    yield Case(probabilities, _right(rows[place // devices][0]))


def _right(trial: Trial) -> frozenset[str]:
    return frozenset({trial.fault, *trial.also})


def learn(found: Sequence[Case], made_of: str) -> Reliability:
    """Learn from cases, in thirds by chance: climates and kinds come by turns, and so would other thirds."""
    order = np.random.default_rng(SEED).permutation(len(found)).tolist()
    warm, ranked, apart = ([found[place] for place in order[third::3]] for third in range(3))
    losses = [-sum(log(max(case.truth(t), 1e-12)) for case in warm) for t in _TEMPERATURES]
    temperature = float(_TEMPERATURES[int(np.argmin(losses))])
    # Rounded up: a case as strange as one that was calibrated is not ruled out by a rounding.
    scores = tuple(sorted(ceil((1.0 - case.truth(temperature)) * 1e5) / 1e5 for case in ranked))
    learned = Reliability("", made_of, temperature, COVERAGE, scores)
    held = [
        bool(case.right & set(not_ruled_out(believed(case.probabilities, temperature), learned, 0.8))) for case in apart
    ]
    table = tuple(_bins(apart, temperature))
    return Reliability("", made_of, temperature, COVERAGE, scores, round(sum(held) / max(len(held), 1), 4), table)


def _bins(apart: Sequence[Case], temperature: float) -> Iterator[Bin]:
    leading: list[tuple[float, bool]] = []
    for case in apart:
        believes = believed(case.probabilities, temperature)
        code = max(sorted(believes), key=lambda each: believes[each])
        leading.append((believes[code], code in case.right))
    for low, high in pairwise(_BINS):
        inside = [each for each in leading if low < each[0] <= high]
        if inside:
            said = sum(each[0] for each in inside) / len(inside)
            yield Bin(len(inside), round(said, 4), round(sum(each[1] for each in inside) / len(inside), 4))


def written(product: ProductType, learned: Reliability, version: str) -> str:
    """Return the module that holds the rows."""
    bins = "".join(f"        Bin({each.cases}, {each.said}, {each.was}),\n" for each in learned.table)
    scores = "".join(f"            ({score}, {count}),\n" for score, count in sorted(Counter(learned.scores).items()))
    return (
        f'"""How far diagnoses of the product type `{product.name}` are to be believed.\n\n'
        f"Made by ``python -m tests.devices.products.reliability {product.name}``, from simulated devices alone.\n"
        '"""\n\n'
        "from typing import Final\n\nfrom devices.reliability import Bin, Reliability, repeated\n\n"
        "RELIABILITY: Final = Reliability(\n"
        f'    version="{version}",\n    made_of="{learned.made_of}",\n    temperature={learned.temperature},\n'
        f"    coverage={learned.coverage},\n    scores=repeated(\n        (\n{scores}        )\n    ),\n    held_out={learned.held_out},\n"
        f"    table=(\n{bins}    ),\n)\n"
    )


def _main() -> None:
    parser = argparse.ArgumentParser(description="Make a product's rows of reliability from simulated devices.")
    parser.add_argument("product", choices=sorted(product_types()))
    parser.add_argument("--devices", type=int, default=12, help="of each kind and strength")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    product = product_type(given.product)
    # The tables' own probabilities: what was learned before shall not be learned again.
    bare = replace(product, reliability=Reliability())
    found = list(cases(bare, given.devices))
    learned = learn(
        found, f"{len(found)} first diagnoses of simulated devices, {given.devices} of each kind and strength"
    )
    target = given.out or folder(product) / "reliability.py"
    target.write_text(written(product, learned, f"simulated-{SEED}"), "utf-8")
    right = sum(max(case.probabilities, key=lambda each: case.probabilities[each]) in case.right for case in found)
    sys.stderr.write(
        f"{product.name}: {len(found)} cases, the leading fault is right in {right}; temperature {learned.temperature},"
        f" label sets hold the fault in {learned.held_out:.1%} of the cases kept apart ({COVERAGE:.0%} promised)\n"
        + "".join(f"  {each.cases} cases said {each.said:.3f}, right {each.was:.3f}\n" for each in learned.table)
    )


if __name__ == "__main__":
    _main()
