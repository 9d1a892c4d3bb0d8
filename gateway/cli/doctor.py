"""The command that looks a setup over."""

from typing import Annotated

import typer


def doctor(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, for a machine.")] = False,
) -> None:
    """Look the setup over: what is well, what is wrong, and the next move for each.

    It reads the settings of its own environment, not those of processes that run: give it the variables that `up`, or
    they, were started with. It changes nothing and sends nothing. It works beside a running `callout up`, with servers of your own, and with
    nothing running at all. Exits with 1 when something is wrong, with 0 when not; warnings do not count.
    """
    from gateway.doctor import report
    from gateway.doctor.examine import Room, examine
    from gateway.settings import load_settings

    given = load_settings()
    rooms: list[Room] = []
    if not as_json:
        typer.echo(f"Callout on the data folder {given.data_dir}, with the settings of this command's environment")
    for room in examine(given):
        rooms.append(room)
        if not as_json:
            typer.echo("\n".join(report.lines(room)))
    typer.echo(report.as_json(rooms) if as_json else f"\n{report.verdict(rooms)}")
    raise typer.Exit(0 if report.is_well(rooms) else 1)


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(rich_help_panel="Set-up")(doctor)
