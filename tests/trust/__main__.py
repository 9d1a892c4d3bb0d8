"""``python -m tests.trust SCENARIO``: run a scenario, or all, say how far it is, and print the ledger.

The code of the end is 1 when anything was lost, doubled, refused or said wrongly.
"""

import argparse
import json
import pkgutil
import signal
import sys
from collections.abc import Sequence
from importlib import import_module

from simulators.progress import ProgressLine
from tests.trust import scenarios
from tests.trust.desk import NotOursError
from tests.trust.ledger import Ledger
from tests.trust.trial import Asked

ALL = "all"


def names() -> Sequence[str]:
    """The scenarios that there are."""
    return sorted(module.name for module in pkgutil.iter_modules(scenarios.__path__))


def run(scenario: str, asked: Asked) -> Sequence[Ledger]:
    """Run one scenario."""
    return import_module(f"{scenarios.__name__}.{scenario}").run(asked)


def main() -> None:
    """Run what is asked for, and print."""
    asked, wanted = _asked()
    # Ended like this, too, it ends what it has started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        ledgers = _told(asked, wanted)
    except KeyboardInterrupt:
        sys.exit("trust: interrupted; the desk's processes have been ended, and there is no ledger")
    except NotOursError as error:
        sys.exit(f"trust: {error}")
    print(json.dumps({"trust": [ledger.figures() for ledger in ledgers]}), flush=True)
    sys.exit(0 if all(ledger.is_clean for ledger in ledgers) else 1)


def _told(asked: Asked, wanted: Sequence[str]) -> Sequence[Ledger]:
    ledgers: list[Ledger] = []
    for scenario in wanted:
        for ledger in run(scenario, asked):
            asked.progress.say("")
            print("\n".join(ledger.lines()), flush=True)
            ledgers.append(ledger)
    return ledgers


def _asked() -> tuple[Asked, Sequence[str]]:
    words = argparse.ArgumentParser(prog="python -m tests.trust", description="A desk that is killed on purpose.")
    words.add_argument("scenario", choices=[*names(), ALL])
    words.add_argument("--times", type=int, help="strikes of each kind; without it each scenario has its own number")
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--rate", type=float, default=5000.0, metavar="READINGS_PER_S")
    words.add_argument("--devices", type=int, default=100)
    words.add_argument("--dsn", default="", help="a server to make the database on, such as a TimescaleDB")
    said = words.parse_args()
    asked = Asked(said.times, said.seed, said.rate, said.devices, ProgressLine(), said.dsn)
    return asked, names() if said.scenario == ALL else [said.scenario]


if __name__ == "__main__":
    main()
