"""What people meet: letters, addresses, keys and languages."""

import smtplib
import ssl
from collections.abc import Iterable, Mapping
from email.utils import parseaddr
from importlib.resources import files
from typing import Final
from urllib.parse import urlsplit

import httpx2
from babel.messages.pofile import read_po

from devices.products import product_types
from gateway.doctor.point import START_IT, Point, Setup, counted, not_looked, ok, warning, wrong
from gateway.health.door import is_loopback
from gateway.settings import ServerAddress
from gateway.texts.catalogues import LANGUAGES, Language
from gateway.texts.sources import lacking_of

_ANSWER_S: Final = 5.0
_DONE: Final = 250


def mail(setup: Setup) -> Point:
    """Greet the mail server, begin TLS and log in, as for a letter; none is sent."""
    if not setup.settings.smtp_url:
        return warning("mail", "no mail server is set: letters stay in the outbox", "Set CALLOUT_SMTP_URL.")
    address = ServerAddress.parse(setup.settings.smtp_url)
    where = f"{address.host}:{address.port}"
    try:
        with smtplib.SMTP(address.host, address.port, timeout=_ANSWER_S) as server:
            return _greeted(server, address, where)
    except smtplib.SMTPAuthenticationError as error:
        said = error.smtp_error.decode(errors="replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        return wrong("mail", f"{where} refuses the login: {said}", "Correct user and password in CALLOUT_SMTP_URL.")
    except ssl.SSLError as error:
        return wrong("mail", f"TLS with {where} fails: {error}", "Give it a certificate that this machine trusts.")
    except (OSError, smtplib.SMTPException) as error:
        found = f"{where} does not answer like a mail server ({error})"
        return wrong("mail", found, "Start it, or correct host and port in CALLOUT_SMTP_URL.")


def _greeted(server: smtplib.SMTP, address: ServerAddress, where: str) -> Point:
    code, said = server.ehlo()
    if code != _DONE:
        return wrong("mail", f"{where} greets with {code} {said!r}", "Ask its operator why.")
    has_tls = server.has_extn("starttls")
    if has_tls:
        server.starttls(context=ssl.create_default_context())
        server.ehlo()
    if address.username:
        server.login(address.username, address.password or "")
    if not has_tls and not is_loopback(address.host):
        return warning("mail", f"{where} answers, without TLS", "Use a mail server that offers STARTTLS.")
    with_login = f", logged in as {address.username}" if address.username else ""
    return ok("mail", f"{where} answers{' with TLS' if has_tls else ''}{with_login}")


def sender(setup: Setup) -> Point:
    """Look at the sender of letters."""
    _, address = parseaddr(setup.settings.mail_from)
    if "@" not in address:
        return wrong("sender", f"{setup.settings.mail_from!r} has no address", "Set CALLOUT_MAIL_FROM: Name <a@b.c>")
    if address.endswith(".example") and not _mail_stays_here(setup):
        return warning("sender", f"{address} is the example's: letters will be refused", "Set CALLOUT_MAIL_FROM.")
    return ok("sender", setup.settings.mail_from)


def _mail_stays_here(setup: Setup) -> bool:
    smtp_url = setup.settings.smtp_url
    return not smtp_url or is_loopback(ServerAddress.parse(smtp_url).host)


def public_address(setup: Setup) -> Point:
    """Look whether people can follow the links in letters."""
    url = setup.settings.base_url
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return wrong("address in links", f"{url!r} is no address of pages", "Set CALLOUT_PUBLIC_URL: https://name")
    if is_loopback(parts.hostname):
        if _mail_stays_here(setup):
            return ok("address in links", f"{url}, for this machine alone")
        found = f"{url} leads nobody but this machine to its pages, and letters leave it"
        return wrong("address in links", found, "Set CALLOUT_PUBLIC_URL to where owners reach the pages.")
    if parts.scheme != "https":
        found = f"{url} without TLS: whoever listens can use an owner's link"
        return warning("address in links", found, "Put a reverse proxy with a certificate in front.")
    return ok("address in links", url)


def pages(setup: Setup) -> Point:
    """Ask the pages whether they are ready."""
    host = setup.settings.http_host
    here = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104  # compared, not listened on
    url = f"http://{here}:{setup.settings.http_port}/readyz"
    headers = {"Authorization": f"Bearer {setup.settings.api_token.get_secret_value()}"}
    try:
        answer = httpx2.get(url, timeout=_ANSWER_S, headers=headers, trust_env=False)
        content = answer.json()
    except (httpx2.HTTPError, ValueError) as error:
        if setup.is_home:
            return wrong("pages", f"{url} does not answer ({error})", "Read logs/serve.log in the data folder.")
        return not_looked("pages", f"nobody serves them at {url}", START_IT)
    if content.get("ready") is True:
        return ok("pages", f"ready at {setup.settings.base_url}")
    why = "; ".join(content.get("reasons", ())) or f"status {answer.status_code}"
    return wrong("pages", f"not ready: {why}", "Mend that; they come back by themselves.")


def keys(setup: Setup) -> Iterable[Point]:
    """Look whether there is a key for links and a token for machines."""
    for name, setting, secret, what in (
        ("key of links", "CALLOUT_SECRET", setup.settings.secret, "`serve` does not start without it"),
        ("API token", "CALLOUT_API_TOKEN", setup.settings.api_token, "no device can be enrolled over HTTP"),
    ):
        if secret.get_secret_value():
            yield ok(name, "set")
        else:
            yield not_looked(name, f"not set: {what}", f"`up` makes one; without it set {setting}, long and random.")


def languages(_setup: Setup) -> Point:
    """Look whether every text is translated into every language, and name the products of which one is not."""
    lacking = {"Callout's pages": _lacking_of_pages()}
    lacking |= {f"the product {name}": lacking_of(product) for name, product in product_types().items()}
    if told := [_lack(what, counts) for what, counts in lacking.items() if counts]:
        move = "Run: python -m gateway.texts.sources, and fill the .po files: people meet English until then."
        return warning("languages", f"{'; '.join(told)} without a translation", move)
    return ok("languages", ", ".join(LANGUAGES))


def _lack(what: str, counts: Mapping[Language, int]) -> str:
    by_language = (f"{counted(count, 'text')} in {language}" for language, count in counts.items())
    return f"{what} has {', '.join(by_language)}"


def _lacking_of_pages() -> dict[Language, int]:
    lacking: dict[Language, int] = {}
    for language in LANGUAGES[1:]:
        with files("gateway.texts").joinpath("locale", f"{language}.po").open("rb") as source:
            empty = sum(1 for message in read_po(source) if message.id and not any(message.string or ()))
        if empty:
            lacking[language] = empty
    return lacking


CHECKS: Final = (mail, sender, public_address, pages, keys, languages)
