"""The command that rehearses the whole journey in virtual time, with everything going wrong that can."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.errors import CalloutError

if TYPE_CHECKING:
    from gateway.rehearsal.run import Failure

# In a log, few seeds on a slow machine must not look as if nothing went on.
_TOLD_EVERY_S = 30.0


def simulate_journey(
    *,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds.")] = 50,
    days: Annotated[int, typer.Option(min=1, max=365, help="Days of virtual time of each.")] = 30,
    first_seed: Annotated[int, typer.Option(min=0, help="The first of them.")] = 1,
    seed: Annotated[int | None, typer.Option(min=0, help="Only this seed.")] = None,
    story: Annotated[bool, typer.Option("--story", help="With --seed: print its story, whatever comes of it.")] = False,
    workers: Annotated[int, typer.Option(min=1, max=64, help="How many processes play at a time.")] = 1,
    json: Annotated[Path | None, typer.Option(help="Write the last line into this file, too.")] = None,
    plant: Annotated[
        Path | None, typer.Option(help="SQL that breaks the scratch database on purpose, to see that it is noticed.")
    ] = None,
) -> None:
    """Rehearse the journey from symptom to kept date: devices, owners, planners, and crashes between any two steps.

    The real steps run on a real scratch database; time and chance come from the seed, so that the same seed gives the
    same story. After every event the invariants are checked; where one does not hold the seed stops, prints its story
    at once, and the command ends with 1. The last line is one JSON object.

    With CALLOUT_DATABASE_URL set, databases are made on that server and dropped afterwards, else an embedded one is
    brought along.
    """
    from gateway.rehearsal.run import Plan, Summary, run
    from gateway.settings import load_settings
    from gateway.whole import write_whole

    if story and seed is None:
        raise CalloutError("--story needs --seed: name the one whose story is wanted")
    chosen = range(first_seed, first_seed + seeds) if seed is None else range(seed, seed + 1)
    took_s, told_s, failed = 0.0, 0.0, 0

    def tell(summary: Summary, passed_s: float) -> None:
        nonlocal took_s, told_s, failed
        took_s = passed_s
        # At once: who is cut off has seen what was found until then.
        if story or len(summary.failures) > failed:
            if sys.stderr.isatty():
                sys.stderr.write("\n")
            for each in summary.stories:
                typer.echo(each)
            for failure in summary.failures[failed:]:
                typer.echo(_told(failure, days, plant, has_story=not story))
            sys.stdout.flush()
            failed = len(summary.failures)
        left_s = passed_s / summary.seeds * (len(chosen) - summary.seeds)
        line = (
            f"{summary.seeds} of {len(chosen)} seeds, {summary.events:,} events, "
            f"{summary.events / passed_s:.0f} events/s, {left_s:.0f} s left"
        )
        is_last = summary.seeds == len(chosen)
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{line:<90}" + ("\n" if is_last else ""))
        elif is_last or summary.seeds % 10 == 0 or passed_s > told_s + _TOLD_EVERY_S:
            sys.stderr.write(f"{line}\n")
            told_s = passed_s
        sys.stderr.flush()

    summary = run(load_settings(), Plan(chosen, days, _read(plant), keeps_stories=story), workers, tell)
    last = summary.as_json(took_s)
    if json is not None:
        try:
            write_whole(json, last + "\n")
        except OSError as error:
            raise CalloutError(f"--json {json} cannot be written: {error}. Name another file.") from error
    typer.echo(last)
    raise typer.Exit(1 if summary.failures else 0)


def _told(failure: "Failure", days: int, plant: Path | None, *, has_story: bool) -> str:
    """Return what is to be said of a seed that failed, with the command that plays it again."""
    lines = [f"\nseed {failure.seed}:\n{failure.story}"] if has_story else []
    lines += [f"VIOLATED in seed {failure.seed}: {each.invariant}: {each.where}" for each in failure.violations]
    broken = f" --plant {plant}" if plant is not None else ""
    lines.append(f"again: callout simulate-journey --seed {failure.seed} --days {days} --story{broken}")
    return "\n".join(lines)


def _read(plant: Path | None) -> str:
    if plant is None:
        return ""
    try:
        return plant.read_text("utf-8")
    except OSError as error:
        raise CalloutError(f"--plant {plant} cannot be read: {error}. Name another file.") from error


def add_to(app: typer.Typer) -> None:
    """Put the command into the command line."""
    app.command(rich_help_panel="Development")(simulate_journey)
