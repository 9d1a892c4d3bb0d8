"""The broker: does it answer, does it know our accounts, and does it bind everybody to his own topics.

What can be tried is tried with the services' own accounts under a partition that does not exist (99), which nobody
listens to and no device has; the rules for devices are read. Nothing is left behind at the broker.
"""

import socket
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from pydantic import SecretStr

from devices.identity import ROOT
from gateway.admission.broker_accounts import ACCESS_RULES, DESK_USER, INGEST_USER, SERVICE_USERS, device_accounts
from gateway.doctor.point import START_IT, Point, Setup, counted, not_looked, ok, warning, wrong
from gateway.doctor.probe import ANSWER_S, Probe
from gateway.embedded.broker import EmbeddedBroker
from gateway.health.door import is_loopback
from gateway.ingest.queue_watch import FIGURES, RETAINED, STORED, UPTIME, Bound, Fill
from gateway.settings import ServerAddress

# The embedded broker and that of the containers tell their figures every two seconds.
_FIGURES_S: Final = 5.0
_TOGETHER_S: Final = 0.5
_NOWHERE: Final = f"{ROOT}/99/doctor/probe"
_CERTIFICATE_DAYS: Final = 21
# A second's worth of a message each, for as long as an ordinary restart takes.
_LEAST_PER_DEVICE: Final = 60
_ACCOUNT_MOVE: Final = "Correct the account in CALLOUT_BROKER_URL, or let `callout accounts` write the broker's files."


def ingest_address(setup: Setup) -> ServerAddress:
    """Return the broker with the account of ingest."""
    ports = setup.folder.remembered_ports()
    if not setup.given.broker_url and "broker for services" in ports:
        broker = EmbeddedBroker(setup.folder, ports["broker"], ports["broker for services"])
        return ServerAddress.parse(broker.service_url(INGEST_USER))
    return _as_user(setup, INGEST_USER, setup.settings.ingest_password)


def desk_address(setup: Setup) -> ServerAddress:
    """Return the broker with the account that asks devices."""
    return _as_user(setup, DESK_USER, setup.settings.desk_password)


def _as_user(setup: Setup, user: str, own: SecretStr) -> ServerAddress:
    address = setup.settings.broker
    if address.username not in SERVICE_USERS:
        return address
    return replace(address, username=user, password=own.get_secret_value() or address.password)


def _trust(setup: Setup) -> ssl.SSLContext:
    """Trust whom this machine trusts, and the desk's own authority, as its devices do."""
    context = ssl.create_default_context()
    if setup.settings.broker_ca_file is not None:
        context.load_verify_locations(setup.settings.broker_ca_file)
    ours = setup.settings.authority_folder / "ca.crt"
    if ours.exists():
        context.load_verify_locations(ours)
    return context


def reachable(setup: Setup) -> Point:
    """Look whether somebody listens."""
    if not setup.settings.broker_url:
        if setup.is_home:
            return warning(
                "reachable",
                "`up` runs with the fall-back broker, which keeps nothing and knows no rights",
                "Install mosquitto for real use, and start again.",
            )
        return not_looked("reachable", "no broker is set, and nothing runs on the data folder", START_IT)
    address = setup.settings.broker
    try:
        socket.create_connection((address.host, address.port), timeout=ANSWER_S).close()
    except OSError as error:
        if not setup.given.broker_url and not setup.is_home:
            return not_looked("reachable", "the embedded broker does not run", START_IT)
        found = f"{address.host}:{address.port} does not answer ({error.strerror or error})"
        return wrong("reachable", found, "Start it, or correct host and port in CALLOUT_BROKER_URL.")
    return ok("reachable", f"{address.host}:{address.port}")


def encryption(setup: Setup) -> Iterable[Point]:
    """Look whether what goes over a network is encrypted, and how long certificates are good for."""
    ours, theirs = setup.settings.broker, setup.settings.device_broker
    if setup.settings.certificate_broker_url:
        yield _certificate(
            "door of certificates", ServerAddress.parse(setup.settings.certificate_broker_url), _trust(setup)
        )
    for name, setting, address in (
        ("our connection", "CALLOUT_BROKER_URL", ours),
        ("devices' connection", "CALLOUT_DEVICE_BROKER_URL", theirs),
    ):
        if address.tls:
            yield _certificate(name, address, _trust(setup))
        elif is_loopback(address.host):
            yield ok(name, f"to {address.host}, this machine: no TLS is needed")
        else:
            yield warning(
                name,
                f"to {address.host} without TLS: passwords and readings can be read on the way",
                f"Give the broker a certificate, and write mqtts:// in {setting}. Inside one private network it may do.",
            )


def _certificate(name: str, address: ServerAddress, trust: ssl.SSLContext) -> Point:
    try:
        with (
            socket.create_connection((address.host, address.port), timeout=ANSWER_S) as bare,
            trust.wrap_socket(bare, server_hostname=address.host) as wrapped,
        ):
            until = str((wrapped.getpeercert() or {}).get("notAfter", ""))
    except OSError as error:
        found = f"TLS with {address.host}:{address.port} fails: {error}"
        return wrong(
            name,
            found,
            "Install a certificate for this name that this machine trusts, or name its authority in CALLOUT_BROKER_CA_FILE.",
        )
    days = int((ssl.cert_time_to_seconds(until) - datetime.now(UTC).timestamp()) // 86400)
    if days < _CERTIFICATE_DAYS:
        return warning(name, f"the certificate ends in {days} days", "Renew it.")
    return ok(name, f"TLS, certificate good for {days} days")


def accounts(setup: Setup) -> Iterable[Point]:
    """Log in as each of our services and as nobody, and try what each may and may not do."""
    try:
        with Probe(desk_address(setup)) as desk, Probe(ingest_address(setup)) as ingest:
            for name, probe in (("account of ingest", ingest), ("account of the desk", desk)):
                if probe.refusal is not None:
                    yield wrong(name, f"{probe.address.username}: {probe.refusal}", _ACCOUNT_MOVE)
            if desk.refusal is None and ingest.refusal is None:
                yield from _services(desk, ingest)
        yield _strangers(setup)
    except OSError as error:
        yield wrong("accounts", f"the broker hangs up: {error}", "Look at the broker's log.")


def _services(desk: Probe, ingest: Probe) -> Iterable[Point]:
    command = f"{_NOWHERE}/command"
    ingest.subscribe(command, *FIGURES)
    if desk.may_publish(command) is False:
        yield wrong("account of the desk", "it may not ask devices on .../command", _ACCOUNT_MOVE)
    else:
        yield ok("account of the desk", "logs in; may ask devices")
    if ingest.waits_for([command], ANSWER_S):
        yield ok("account of ingest", f"logs in; hears what is said under {ROOT}")
    else:
        yield wrong("account of ingest", f"logs in, but hears nothing under {ROOT}", _ACCOUNT_MOVE)
    yield _in_force({"ingest": ingest, "the desk": desk})


def _in_force(services: Mapping[str, Probe]) -> Point:
    answers = {who: probe.may_publish(f"{_NOWHERE}/state") for who, probe in services.items()}
    if taken := [who for who, answer in answers.items() if answer]:
        return wrong(
            "rules in force",
            f"the broker takes messages in a device's name from {' and '.join(taken)}",
            "Let it read the access rules (acl_file in mosquitto): `callout accounts` writes them.",
        )
    if None in answers.values():
        return not_looked("rules in force", "the broker does not say whether it takes a message")
    return ok("rules in force", "a service that speaks in a device's name is refused")


def _strangers(setup: Setup) -> Point:
    address = replace(setup.settings.device_broker, username=None, password=None)
    try:
        with Probe(address, _trust(setup)) as nobody:
            if nobody.refusal is None:
                return wrong(
                    "strangers",
                    "the broker lets in whoever has no account",
                    "Forbid it (allow_anonymous false in mosquitto).",
                )
    except OSError as error:
        found = f"{address.host}:{address.port} does not answer from here ({error})"
        return warning("strangers", found, "See that devices can reach CALLOUT_DEVICE_BROKER_URL.")
    return ok("strangers", "whoever has no account is refused")


def device_rules(setup: Setup) -> Iterable[Point]:
    """Read the rules that bind devices to their own topics, and hold the accounts against the devices enrolled."""
    file = setup.settings.broker_accounts_file
    if file is not None:
        rules = file.with_name(f"{file.name}.acl")
    elif not setup.given.broker_url:
        file, rules = setup.folder.path / "broker" / "accounts", setup.folder.path / "broker" / "access"
    else:
        yield not_looked(
            "device rules",
            "the broker keeps them in its own way",
            "See that user names are bound to callout/v1/%u; or let mosquitto read CALLOUT_BROKER_ACCOUNTS_FILE.",
        )
        return
    try:
        is_ours, written = rules.read_text(encoding="utf-8") == ACCESS_RULES, device_accounts(file)
    except OSError as error:
        yield wrong("device rules", f"{error.filename}: {error.strerror}", "Run `callout accounts`, which writes them.")
        return
    if is_ours:
        yield ok("device rules", "each device is bound to its own topics")
    else:
        yield wrong(
            "device rules", f"{rules} is not what this version writes", "Start `up` or `callout accounts` again."
        )
    if setup.database is not None:
        yield _in_sync(setup, set(written))


def _in_sync(setup: Setup, written: set[str]) -> Point:
    if setup.database is None:
        return not_looked("accounts in sync", "the database does not answer")
    rows = setup.database.execute(
        """SELECT d.partition || '/' || t.name || '/' || d.name FROM callout.device_credential c
        JOIN callout.device d USING (device_id) JOIN callout.tenant t ON t.tenant_id = d.tenant_id
        WHERE c.revoked_at IS NULL"""
    )
    wanted = {name for (name,) in rows}
    lacking, surplus = wanted - written, written - wanted
    if lacking or surplus:
        found = f"{counted(len(lacking), 'device')} lacking in the broker's file, {len(surplus)} in it without right"
        return wrong("accounts in sync", found, "See that `up` or `callout accounts` runs, and read its log.")
    return ok("accounts in sync", f"{counted(len(wanted), 'device')}, as enrolled")


def queue(setup: Setup) -> Point:
    """Look how much the broker keeps for ingest, and how full that is."""
    bound = Bound(setup.settings.broker_queue_messages, setup.settings.broker_queue_bytes)
    try:
        with Probe(ingest_address(setup)) as ingest:
            if ingest.refusal is not None:
                return not_looked("queue", "the account of ingest cannot log in")
            ingest.subscribe(UPTIME, *FIGURES)
            has_figures = ingest.waits_for([UPTIME], _FIGURES_S)
            # Beside it the others come at once, or have not changed for a minute and come with their next change.
            has_count = has_figures and ingest.waits_for([STORED, RETAINED], _FIGURES_S)
            if has_count:
                # How many were dropped hardly ever changes: what is still told comes with the others.
                ingest.waits_for(FIGURES, _TOGETHER_S)
    except OSError as error:
        return wrong("queue", f"the broker hangs up: {error}", "Look at the broker's log.")
    if not has_figures:
        return warning(
            "queue",
            "the broker does not say how full it is: nobody would notice that messages pile up",
            "Let the account of ingest read $SYS/broker/# (`callout accounts` writes that rule; start `up` again).",
        )
    if not has_count:
        return _bound(setup, bound, "the broker says how full it is; what waits has not changed for a minute")
    heard = {topic: ingest.heard.get(topic, b"") for topic in FIGURES}
    fill = Fill.of({topic: int(said) for topic, said in heard.items() if said.isdigit()}, bound)
    found = f"{fill.messages:,} messages of {bound.messages:,} wait ({fill.ratio:.0%})"
    if fill.dropped:
        return warning(
            "queue", f"{found}; {fill.dropped:,} were dropped since it runs", "See ingest's log for the cause."
        )
    return _bound(setup, bound, found)


def _bound(setup: Setup, bound: Bound, found: str) -> Point:
    row = None
    if setup.database is not None:
        row = setup.database.execute("SELECT count(*) FROM callout.device WHERE retired_at IS NULL").fetchone()
    devices = int(row[0]) if row else 0
    if bound.messages < devices * _LEAST_PER_DEVICE:
        return warning(
            "queue",
            f"{found}: {bound.messages / devices:.0f} for each of {devices:,} devices",
            "Let the broker keep more: max_queued_messages, and CALLOUT_BROKER_QUEUE_MESSAGES.",
        )
    return ok("queue", found)


CHECKS: Final = (encryption, accounts, device_rules, queue)
