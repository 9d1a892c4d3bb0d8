"""``python -m simulators owners``."""

from typing import Annotated

import typer

from simulators.durations import parse_duration
from simulators.errors import SimulatorError
from simulators.owners.people import Manners, Owners
from simulators.stopping import Stopping


def owners(
    *,
    mailbox: Annotated[str, typer.Option(help="The mailbox whose letters they read.")] = "http://127.0.0.1:21080",
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same people.")] = 7,
    early_share: Annotated[float, typer.Option(min=0, help="Part of them that answers soon.")] = 0.8,
    late_share: Annotated[float, typer.Option(min=0, help="Part of them that answers late.")] = 0.15,
    never_share: Annotated[float, typer.Option(min=0, help="Part of them that never answers.")] = 0.05,
    think: Annotated[str, typer.Option(help="After how long the early ones answer.")] = "2s",
    late_after: Annotated[str, typer.Option(help="After how long the late ones answer.")] = "90s",
    double_tap_share: Annotated[float, typer.Option(min=0, max=1, help="Part of them that taps twice.")] = 0.25,
) -> None:
    """Let owners answer: they read the mailbox, open the link to their dates, and tap one.

    What each of them did is printed as one JSON line. They use web pages only, as a browser would.
    """
    if early_share + late_share + never_share <= 0:
        raise SimulatorError("--early-share, --late-share and --never-share are all 0: at least one must be more")
    manners = Manners(
        early_share=early_share,
        late_share=late_share,
        never_share=never_share,
        think_s=parse_duration(think).total_seconds(),
        late_after_s=parse_duration(late_after).total_seconds(),
        double_tap_share=double_tap_share,
    )
    Owners(mailbox, manners, seed).run(Stopping().listen())
