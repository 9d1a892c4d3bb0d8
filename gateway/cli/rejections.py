"""The command about dead letters: what the door refused of a tenant, why, with its bytes, and its replay after a fix."""

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gateway.errors import SettingsError
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.storage.connection import Connection
    from gateway.storage.rejections import Outcome, RejectionRow

_ROWS: Final = 20
_LOOK_EVERY_S: Final = 0.2
_SHOWN_BYTES: Final = 4096
_SAID: Final[dict["Outcome | None", str]] = {
    "stored": "stored",
    "absorbed": "there already, so nothing was changed",
    "refused": "refused again",
    None: "still waiting: is ingest running? They will be taken when it is",
}


def rejections(
    tenant: Annotated[str, typer.Argument(help="Name of the tenant.")],
    *,
    show: Annotated[int | None, typer.Option(min=1, help="Show one, by its number, with its first 4096 bytes.")] = None,
    reason: Annotated[str, typer.Option(help="Those of one reason: list them, or replay them.")] = "",
    every: Annotated[bool, typer.Option("--all", help="With --replay: all of the tenant.")] = False,
    replay: Annotated[bool, typer.Option("--replay", help="Take what was chosen through the door again.")] = False,
    wait_s: Annotated[float, typer.Option(min=0, help="With --replay: wait for the outcome so long.")] = 10.0,
) -> None:
    """See what the door refused, by reason, and replay it after a fix.

    Without options the reasons are counted. A replay is done by ingest: the kept bytes are decoded again as if received
    at their first time. What comes in by it is stored once, however often it is asked for.
    """
    from gateway.storage.connection import Role, connect

    if replay and not (show or reason or every):
        message = "what is to be replayed? Name one with --show NUMBER, a reason with --reason WORD, or --all."
        raise SettingsError(message)
    with connect(_settings().required("database_url"), Role.WORK) as connection:
        tenant_id = _tenant_id(connection, tenant)
        if replay:
            _replay(connection, tenant_id, show, reason, wait_s)
        elif show:
            _show(connection, tenant_id, show)
        elif reason:
            _list(connection, tenant_id, reason)
        else:
            _count(connection, tenant_id, tenant)


def _tenant_id(connection: "Connection", name: str) -> int:
    row = connection.execute("SELECT tenant_id FROM tenant WHERE name = %s", [name]).fetchone()
    if row is None:
        message = f"there is no tenant {name!r}: see the name in the file that 'callout configure' was given."
        raise SettingsError(message)
    return int(row[0])


def _count(connection: "Connection", tenant_id: int, tenant: str) -> None:
    from gateway.storage import rejections as kept
    from gateway.storage.connection import tenant_transaction

    with tenant_transaction(connection, tenant_id):
        counts = kept.counts(connection)
    if not counts:
        typer.echo(f"nothing of {tenant} was refused")
        return
    typer.echo(f"{'reason':<20} {'refused':>8} {'open':>8}  newest")
    for each in counts:
        typer.echo(f"{each.reason:<20} {each.count:>8} {each.open:>8}  {each.newest_at:%F %T} UTC")
    typer.echo("next: --reason WORD lists those of a reason, --show NUMBER one with its bytes; with --replay again")


def _list(connection: "Connection", tenant_id: int, reason: str) -> None:
    from gateway.storage import rejections as kept
    from gateway.storage.connection import tenant_transaction

    with tenant_transaction(connection, tenant_id):
        rows = kept.listed(connection, reason=reason, limit=_ROWS)
    for row in rows:
        typer.echo(
            f"{row.rejection_id:>8}  {row.received_at:%F %T}  {_plain(row.topic)}  {_plain(row.place)}  {_plain(row.detail[:120])}"
        )
    typer.echo(f"the newest {len(rows)}" if rows else f"nothing was refused as {reason!r}")


def _show(connection: "Connection", tenant_id: int, rejection_id: int) -> None:
    from gateway.storage import rejections as kept
    from gateway.storage.connection import tenant_transaction

    with tenant_transaction(connection, tenant_id):
        row = _found(kept.find(connection, rejection_id), rejection_id)
        payload = kept.payload_of(connection, rejection_id)
    typer.echo(f"number    {row.rejection_id}\nreceived  {row.received_at:%F %T.%f} UTC\ntopic     {_plain(row.topic)}")
    typer.echo(
        f"reason    {row.reason}\ndetail    {_plain(row.detail)}\nplace     {_plain(row.place) or 'the whole message'}"
    )
    if row.outcome and row.replayed_at:
        typer.echo(f"replayed  {row.replayed_at:%F %T} UTC: {_SAID[row.outcome]}; {_plain(row.outcome_detail)}")
    more = f", all kept; the first {_SHOWN_BYTES} of them are" if len(payload) > _SHOWN_BYTES else ""
    typer.echo(f"bytes     {len(payload)}{more}\n{_plain(payload[:_SHOWN_BYTES].decode('utf-8', 'backslashreplace'))}")


def _plain(text: str) -> str:
    """What a device sent, without what would move a terminal's cursor or change its colours."""
    return "".join(char if char.isprintable() or char == "\n" else repr(char)[1:-1] for char in text)


def _found(row: "RejectionRow | None", rejection_id: int) -> "RejectionRow":
    if row is None:
        message = f"this tenant has no rejection {rejection_id}: --reason WORD lists the numbers."
        raise SettingsError(message)
    return row


def _replay(connection: "Connection", tenant_id: int, rejection_id: int | None, reason: str, wait_s: float) -> None:
    from gateway.storage import rejections as kept
    from gateway.storage.connection import tenant_transaction

    with tenant_transaction(connection, tenant_id):
        if rejection_id is not None:
            _found(kept.find(connection, rejection_id), rejection_id)
        asked = kept.ask_replay(connection, datetime.now(UTC), rejection_id=rejection_id, reason=reason)
    if not asked:
        typer.echo("nothing to replay: what was chosen came in by a replay before, waits for one, or is not there")
        return
    until_s = time.monotonic() + wait_s
    while True:
        with tenant_transaction(connection, tenant_id):
            outcomes = kept.outcomes(connection, asked)
        if None not in outcomes or time.monotonic() >= until_s:
            break
        time.sleep(_LOOK_EVERY_S)
    typer.echo(f"asked for the replay of {len(asked)}")
    for outcome, count in outcomes.items():
        typer.echo(f"{count:>8}  {_SAID[outcome]}")


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(rich_help_panel="Set-up")(rejections)


def _settings() -> Settings:
    from gateway.embedded.neighbour import fill_in
    from gateway.settings import load_settings

    return fill_in(load_settings())
