"""The command about decisions: one, or all, made again from the stored readings and held against their receipts."""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gateway.errors import SettingsError
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.decisions.replaying import Replayed
    from gateway.storage.connection import Connection

# Decisions that are replayed side by side: their readings are in memory together.
_TOGETHER: Final = 100
_SHOWN: Final = 40
_WIDEST: Final = 400


def replay_decision(
    decision: Annotated[
        int | None, typer.Argument(min=1, help="Number of the decision, as the request's page says.")
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Every decision of every tenant.")] = False,
) -> None:
    """Make a decision again from the stored readings, and say whether it is identical with its receipt.

    What differs is shown member by member, and the command exits with 1 then. With --all the last line is one JSON
    object: decisions, identical, different.
    """
    from gateway.storage.connection import Role, connect

    if (decision is None) is not every:
        message = "which decision? Give the number of one, or --all and no number."
        raise SettingsError(message)
    with connect(_settings().required("database_url"), Role.WORK) as connection:
        is_identical = _all(connection) if decision is None else _one(connection, decision)
    raise typer.Exit(0 if is_identical else 1)


def _one(connection: "Connection", decision_id: int) -> bool:
    from gateway.decisions.replaying import replay
    from gateway.storage.connection import tenant_transaction
    from gateway.storage.receipts import find_decision

    for tenant_id in _tenants(connection):
        with tenant_transaction(connection, tenant_id):
            decision = find_decision(connection, decision_id)
            if decision is not None:
                (found,) = replay(connection, [decision])
                _tell(found, _SHOWN)
                return not found.differences
    message = (
        f"there is no decision {decision_id} with a receipt: its request's page names it, and 'callout replay-decision "
        "--all' goes through those that there are."
    )
    raise SettingsError(message)


def _all(connection: "Connection") -> bool:
    from gateway.storage.connection import tenant_transaction
    from gateway.storage.receipts import count_decisions

    tenants = _tenants(connection)
    wanted = 0
    for tenant_id in tenants:
        with tenant_transaction(connection, tenant_id):
            wanted += count_decisions(connection)
    counts = Counter[bool]()
    for tenant_id in tenants:
        for portion in _portions(connection, tenant_id):
            for found in portion:
                counts[not found.differences] += 1
                if found.differences:
                    _tell(found, 3)
            typer.echo(f"{counts.total()} of {wanted} decisions: {counts[True]} identical, {counts[False]} different")
            sys.stdout.flush()
    typer.echo(json.dumps({"decisions": counts.total(), "identical": counts[True], "different": counts[False]}))
    return not counts[False]


def _portions(connection: "Connection", tenant_id: int) -> Iterator[list["Replayed"]]:
    from gateway.decisions.replaying import replay
    from gateway.storage.connection import tenant_transaction
    from gateway.storage.receipts import decisions_after

    last = 0
    while True:
        with tenant_transaction(connection, tenant_id):
            decisions = decisions_after(connection, last, _TOGETHER)
            if not decisions:
                return
            last = decisions[-1].decision_id
            found = replay(connection, decisions)
        yield found


def _tenants(connection: "Connection") -> list[int]:
    return [int(row[0]) for row in connection.execute("SELECT tenant_id FROM tenant ORDER BY tenant_id").fetchall()]


def _tell(found: "Replayed", most: int) -> None:
    from gateway.decisions.engine import software

    if not found.differences:
        typer.echo(f"decision {found.decision_id}: identical, sha256 {found.sha256}")
        return
    typer.echo(f"decision {found.decision_id}: different from its receipt, sha256 {found.sha256}")
    for each in found.differences[:most]:
        typer.echo(f"  {each.path}: recorded {_written(each.recorded)}, now {_written(each.recomputed)}")
        if hint := _hint(each.path, each.recorded, each.recomputed):
            typer.echo(f"    {hint}")
    if len(found.differences) > most:
        typer.echo(f"  and {len(found.differences) - most} more")
    changed = {name: was for name, was in found.software.items() if software().get(name) != was}
    if changed:
        was = ", ".join(f"{name} {value[:16]}" for name, value in sorted(changed.items()))
        typer.echo(f"  it was decided by another program ({was}); this one may decide differently")


def _written(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= _WIDEST else f"{text[:_WIDEST]}…"


def _hint(path: str, recorded: object, recomputed: object) -> str:
    """What a difference means, where it is not the difference itself."""
    if path.endswith(".rows") and isinstance(recorded, int) and isinstance(recomputed, int):
        return f"{abs(recorded - recomputed)} readings {'are missing' if recomputed < recorded else 'too many'}"
    if path.endswith("].rows_sha256"):
        return "a reading that it stands on was changed, is missing, or was added"
    if path.startswith("rules."):
        return "the rules of this component are others now than when it was decided"
    if path == "sha256":
        return "the receipt itself was changed"
    if path.startswith("published."):
        return "a calibration that a reporting cycle stood on is published otherwise than when it was decided"
    if ".cycles[" in path and ".threshold." in path:
        return "what a reporting cycle asked is published otherwise than when it was decided"
    if path.endswith("].score") and recomputed is None:
        return "the readings that said this score were not kept with it"
    if path.startswith("symptoms[") and isinstance(recorded, dict) and recorded.get("readings", 0) is None:  # pyright: ignore[reportUnknownMemberType]  # JSON
        return "a symptom that was confirmed before its readings were kept with it cannot be made again"
    if path.startswith("silences["):
        return "this device's silence is not among its symptoms any more"
    if path == "kept_content":
        return "the state of the detectors that it begins from is missing"
    return ""


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("replay-decision", rich_help_panel="Set-up")(replay_decision)


def _settings() -> Settings:
    from gateway.embedded.neighbour import fill_in
    from gateway.settings import load_settings

    return fill_in(load_settings())
