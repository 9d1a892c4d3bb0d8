"""Recovery: seconds from each kill until the desk's lag is under 5 s again, while devices go on sending.

``python -m benchmarks.recovery [--rate READINGS_PER_S]``. The kills are those of the trust tests, at random instants of
the batches; what was lost or doubled by them is a figure, too.
"""

import argparse
import statistics
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from benchmarks.figures import Figure
from benchmarks.report import tell
from simulators.progress import ProgressLine
from tests.trust.ledger import Ledger
from tests.trust.scenarios import broker, database, worker
from tests.trust.trial import LAG_S, Asked

_AT_MOST_S: Final = 15.0
_TIMES: Final = 5
_SEED: Final = 7
_QUICK: Final = Asked(times=1, seed=_SEED, readings_per_s=600.0, devices=10)


def main() -> None:
    """Measure and tell."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    words.add_argument("--rate", type=float, default=Asked.readings_per_s, metavar="READINGS_PER_S")
    words.add_argument("--times", type=int, default=_TIMES)
    asked = words.parse_args()
    ledgers = measure(Asked(asked.times, _SEED, asked.rate, progress=ProgressLine()))
    rows = [
        {
            "struck": ledger.name,
            "strikes": ledger.strikes,
            "median_s": round(statistics.median(ledger.recoveries_s), 1),
            "worst_s": round(max(ledger.recoveries_s), 1),
            "lost": ledger.balance.lost,
            "doubled": ledger.balance.doubled,
        }
        for ledger in ledgers
    ]
    told = {"benchmark": "recovery", "rate": asked.rate, "worst_s": max(float(str(row["worst_s"])) for row in rows)}
    tell(f"recovery: lag under {LAG_S:g} s again, at {asked.rate:,.0f} readings/s", rows, told)


def figures(quick: bool, progress: ProgressLine) -> Sequence[Figure]:
    """Measure; `quick` asks for one kill of each kind on a small street."""
    asked = replace(_QUICK, progress=progress) if quick else Asked(_TIMES, _SEED, progress=progress)
    ledgers = measure(asked)
    wrong = sum(each.balance.lost + each.balance.doubled for each in ledgers)
    return [
        *(_figure(ledger, asked) for ledger in ledgers),
        Figure(
            "readings lost or doubled by kills",
            wrong,
            "readings",
            at_most=0.0,
            note=f"of {sum(each.balance.sent for each in ledgers):,} sent, through {sum(e.strikes for e in ledgers)} kills",
        ),
    ]


def measure(asked: Asked) -> Sequence[Ledger]:
    """Kill ingest, the broker in both ways, and the database, each as often as asked."""
    return [ledger for scenario in (worker, broker, database) for ledger in scenario.run(asked)]


def _figure(ledger: Ledger, asked: Asked) -> Figure:
    return Figure(
        f"recovery, {ledger.name}",
        max(ledger.recoveries_s),
        "s",
        at_most=_AT_MOST_S,
        note=f"the worst of {ledger.strikes} at {asked.readings_per_s:,.0f} readings/s until the lag is under {LAG_S:g} s "
        f"again, median {statistics.median(ledger.recoveries_s):.1f} s",
    )


if __name__ == "__main__":
    main()
