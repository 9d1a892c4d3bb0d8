"""The command about the desk's own certificate authority."""

from typing import Annotated

import typer

from gateway.errors import SettingsError

_PANEL = "Set-up"


def authority(
    *,
    name: Annotated[
        list[str] | None,
        typer.Option(
            help="Host name or address by which devices reach the broker; may be given many times [default: those it has]."
        ),
    ] = None,
    renew: Annotated[
        bool, typer.Option("--renew", help="Let a new authority sign from now on; the former one still counts.")
    ] = False,
    forget_former: Annotated[
        bool, typer.Option("--forget-former", help="Trust no former authority any longer.")
    ] = False,
) -> None:
    """Make the certificate authority for devices and the broker's own certificate, or renew what will end soon.

    It can be called again and again: what is well stays. Needs no database. `up` and `accounts` call it by themselves
    and sign the revocation list anew every day; a broker whose list is older than a week lets no certificate in.

    To change the authority: --renew, then let every device renew its certificate, which also tells it of the new one,
    then --forget-former.
    """
    from gateway.admission.certificates import utc_now
    from gateway.authority.folder import forget_former as forget
    from gateway.authority.folder import open_authority, prepare, replace_issuer
    from gateway.authority.issuer import host_names
    from gateway.settings import load_settings

    if renew and forget_former:
        raise SettingsError(
            "--renew and --forget-former at once would keep all devices out: renew first, and forget when the devices "
            "have renewed theirs."
        )
    folder, now = load_settings().authority_folder, utc_now()
    prepare(folder, name or (), now)
    if renew:
        replace_issuer(folder, now)
    if forget_former:
        forget(folder, now)
    made = open_authority(folder)
    for number, issuer in enumerate(made.issuers):
        kind = "former authority" if number else "authority"
        until = issuer.certificate.not_valid_after_utc
        typer.echo(f"{kind}: {folder / 'ca.crt'}, until {until:%Y-%m-%d}, SHA-256 {issuer.fingerprint.hex()}")
    shown = made.broker_certificate
    typer.echo(f"broker: {', '.join(host_names(shown))}, until {shown.not_valid_after_utc:%Y-%m-%d}")
    typer.echo(f"revocation list: until {made.list_ends_at():%Y-%m-%dT%H:%MZ}")


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(rich_help_panel=_PANEL)(authority)
