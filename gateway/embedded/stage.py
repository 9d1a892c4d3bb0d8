"""Puts the demonstration on: once, in a fresh folder, or on and on in a folder of its own."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from gateway.embedded.demo import Demo, Outcome
from gateway.embedded.folder import open_folder
from gateway.embedded.household import StopWantedError, stopped_by_signals
from gateway.embedded.keeper import Tell
from gateway.settings import Settings

_DONE: Final = 0
_FAILED: Final = 1
_STOPPED: Final = 130


def play_once(given: Settings, tell: Tell, limit_s: float) -> int:
    """Run until an owner has confirmed a date, stop everything, and print one line of JSON at the very end.

    The fresh folder is removed afterwards, and kept for its logs when no date was confirmed.

    Returns
    -------
    int
        The exit code: 0 when a date was confirmed, 1 when not within `limit_s`, 130 when stopped before.

    Raises
    ------
    CalloutError
        A part could not be started.
    """
    fresh = Path(tempfile.mkdtemp(prefix="once-", dir=open_folder(given.data_dir).path))
    # As root, the servers' account has to walk through it.
    fresh.chmod(0o755)
    folder = open_folder(fresh)
    # Another first port for each: two of them may well run at the same time.
    first_port = 20100 + os.getpid() * 16 % 10_000
    with folder.locked("callout demo --once"), stopped_by_signals(tell) as stopping:
        try:
            outcome = Demo(folder, given, tell, stopping, first_port, is_once=True, limit_s=limit_s).run()
        except StopWantedError:
            tell(f"stopped while it was starting; its folder is {fresh}")
            return _STOPPED
    if outcome.reason:
        tell(f"error: no date was confirmed: {outcome.reason}")
    else:
        shutil.rmtree(fresh, ignore_errors=True)
        _tell_summary(outcome)
    print(outcome.as_json(), flush=True)
    return _FAILED if outcome.reason else _DONE


def play_on(given: Settings, tell: Tell) -> int:
    """Run until it is stopped; the next call goes on with the data.

    Returns
    -------
    int
        The exit code 0.

    Raises
    ------
    CalloutError
        A part could not be started.
    """
    folder = open_folder(given.data_dir / "demo")
    with folder.locked("callout demo"), stopped_by_signals(tell) as stopping:
        try:
            outcome = Demo(folder, given, tell, stopping).run()
        except StopWantedError:
            tell("stopped while it was starting")
            return _DONE
    summary = outcome.summary
    tell(
        f"stopped; {outcome.readings_stored:,} readings, {summary.requests_opened} requests and "
        f"{summary.appointments} dates are kept in {folder.path}"
    )
    return _DONE


def _tell_summary(outcome: Outcome) -> None:
    summary = outcome.summary
    offered_s = summary.seconds_reading_to_offer or 0.0
    confirmed_s = summary.seconds_reading_to_confirmation or 0.0
    print()
    print(f"{outcome.readings_stored:,} readings of {summary.devices} devices are stored; {summary.device} fell ill.")
    print(f"Its owner had dates, with part and bay held, {offered_s:.2f} s after the reading that decided it,")
    print(f"and had confirmed one after {confirmed_s:.1f} s. Everything that was started is stopped again.")
