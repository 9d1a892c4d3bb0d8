"""The commands about owners: another one joins, the device is given away, a link to the device's own page."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.errors import SettingsError
from gateway.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.storage.connection import Connection

_PANEL = "Set-up"
Tenant = Annotated[str, typer.Argument(help="Name of the tenant.")]
Device = Annotated[str, typer.Argument(help="Name of the device within its tenant.")]
Name = Annotated[str, typer.Option(help="Who it is.")]
Email = Annotated[str, typer.Option(help="Where he is written to; who is known by it already stays the same person.")]
By = Annotated[str, typer.Option(help="E-mail of the member of staff who answers for it.")]
Language = Annotated[str, typer.Option(help="Language: en, ko or ja.")]
Zone = Annotated[str, typer.Option(help="Time zone.")]


def join_owner(
    tenant: Tenant, device: Device, name: Name, email: Email, by: By, language: Language = "en", time_zone: Zone = "UTC"
) -> None:
    """Make somebody an owner of a device beside those that it has, and print the link to its page for him."""
    from gateway.owners import owning

    _take_on(
        tenant, device, {"name": name, "email": email, "language": language, "time_zone": time_zone}, by, owning.join
    )


def transfer(
    tenant: Tenant, device: Device, name: Name, email: Email, by: By, language: Language = "en", time_zone: Zone = "UTC"
) -> None:
    """Give a device to a new owner and print the link to its page for him, where he signs what it may do alone.

    The mandate and the open requests of the former owners end, and their history is sealed: neither sees the other's.
    """
    from gateway.owners import owning

    person = {"name": name, "email": email, "language": language, "time_zone": time_zone}
    _take_on(tenant, device, person, by, owning.transfer)


def _take_on(tenant: str, device: str, person: dict[str, str], by: str, act: "Callable[..., object]") -> None:
    """Let somebody own a device, in the way that `act` says, and print the link to its page for him."""
    from gateway.storage.connection import Role, connect, tenant_transaction
    from gateway.storage.owners import known_owner

    settings, now = _settings(), datetime.now(UTC)
    with connect(settings.required("database_url"), Role.SERVE) as connection:
        tenant_id = _tenant(connection, tenant)
        with tenant_transaction(connection, tenant_id):
            device_id, staff_id = _device(connection, device), _staff(connection, by)
            _check(**person)
            owner_id = known_owner(connection, **person)
            act(connection, device_id=device_id, owner_id=owner_id, actor=f"staff-{staff_id}", now=now)
            typer.echo(_link(connection, settings, tenant_id, device_id, owner_id, now))


def owner_link(
    tenant: Tenant, device: Device, email: Annotated[str, typer.Option(help="E-mail of the owner.")]
) -> None:
    """Print the link that opens a device's page to one of its owners: what it may do alone, and what it did."""
    from gateway.storage.connection import Role, connect, tenant_transaction
    from gateway.storage.owners import owners_of

    settings, now = _settings(), datetime.now(UTC)
    with connect(settings.required("database_url"), Role.SERVE) as connection:
        tenant_id = _tenant(connection, tenant)
        with tenant_transaction(connection, tenant_id):
            device_id = _device(connection, device)
            (owner_id,) = [o.owner_id for o in owners_of(connection, device_id) if o.email == email.lower()] or [None]
            if owner_id is None:
                message = f"{email!r} is no owner of {device!r}: 'callout join-owner' makes him one"
                raise SettingsError(message)
            typer.echo(_link(connection, settings, tenant_id, device_id, owner_id, now))


def _link(
    connection: "Connection", settings: Settings, tenant_id: int, device_id: int, owner_id: int, now: datetime
) -> str:
    from gateway.access import issue_device_link

    return issue_device_link(connection, settings, tenant_id=tenant_id, device_id=device_id, owner_id=owner_id, now=now)


def _check(name: str, email: str, language: str, time_zone: str) -> None:
    from pydantic import ValidationError

    from gateway.admission.enrolment import OwnerIn

    try:
        OwnerIn.model_validate({"name": name, "email": email, "language": language, "timeZone": time_zone})
    except ValidationError as error:
        problem = error.errors()[0]
        message = f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}. Correct it and try again."
        raise SettingsError(message) from None


def _tenant(connection: "Connection", name: str) -> int:
    from gateway.admission.enrolment import tenant_named

    return tenant_named(connection, name)


def _device(connection: "Connection", name: str) -> int:
    row = connection.execute("SELECT device_id FROM device WHERE name = %s", [name]).fetchone()
    if row is None:
        message = f"there is no device {name!r} in this tenant: correct the name, or enrol it"
        raise SettingsError(message)
    return row[0]


def _staff(connection: "Connection", email: str) -> int:
    row = connection.execute("SELECT staff_id FROM staff WHERE lower(email) = lower(%s)", [email]).fetchone()
    if row is None:
        message = f"nobody with the e-mail {email!r} works here: name who answers for it with --by"
        raise SettingsError(message)
    return row[0]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("join-owner", rich_help_panel=_PANEL)(join_owner)
    app.command("transfer", rich_help_panel=_PANEL)(transfer)
    app.command("owner-link", rich_help_panel=_PANEL)(owner_link)


def _settings() -> Settings:
    from gateway.embedded.neighbour import fill_in
    from gateway.settings import load_settings

    return fill_in(load_settings())
