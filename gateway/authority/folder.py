"""The folder of the desk's certificate authority: its keys and certificates, the broker's, and the revocation list.

``ca.crt`` is what devices and the broker trust: the authority that signs, and after a change of it the former one as
well, until that is forgotten. Whoever holds ``ca.key`` can make a device out of anything: it is readable by its owner
alone, and belongs with those who sign (`accounts`, and the `serve` that devices enrol at) and in a backup, nowhere else.
"""

import contextlib
import fcntl
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from gateway.authority.issuer import BROKER_LIFE, Issuer, Revoked, host_names
from gateway.embedded.folder import write_privately
from gateway.errors import CalloutError

BROKER_FILES: Final = ("ca.crt", "broker.crt", "broker.key", "crl.pem")
LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1")
_PUBLIC_MODE: Final = 0o644
_FOLDER_MODE: Final = 0o755
# The broker's certificate is renewed when a third of its life is left, the list every day of its seven.
_RENEW_BROKER_BEFORE: Final = BROKER_LIFE / 3
_RENEW_LIST_AFTER: Final = timedelta(days=1)
_BACKDATED: Final = timedelta(days=1)


class AuthorityError(CalloutError):
    """The authority's folder cannot be read, written or used."""


@dataclass(frozen=True, slots=True)
class Authority:
    """The authority in a folder; made by `prepare`, found by `open_authority`.

    `issuers` has the one that signs devices first, then former ones whose certificates still count.
    """

    path: Path
    issuers: tuple[Issuer, ...]

    @property
    def issuer(self) -> Issuer:
        """The one that signs devices."""
        return self.issuers[0]

    @property
    def trusted(self) -> str:
        """What devices have to trust, as PEM: the authority and former ones."""
        return "".join(_pem(issuer.certificate) for issuer in self.issuers)

    @property
    def broker_certificate(self) -> x509.Certificate:
        """What the broker shows."""
        return _certificates(self.path / "broker.crt")[0]

    def files(self) -> Mapping[str, str]:
        """Return what a broker needs, by the name of the file; key and certificate always fit together."""
        with _locked(self.path):
            return {name: _read(self.path / name).decode("ascii") for name in BROKER_FILES}

    def signer_of(self, certificate: x509.Certificate) -> Issuer | None:
        """Return who of ours has signed a certificate; None when it comes from elsewhere."""
        return next((issuer for issuer in self.issuers if issuer.has_signed(certificate)), None)

    def list_ends_at(self) -> datetime:
        """Return when the revocation list has to be replaced: from then on the broker lets nobody in."""
        return min(each.next_update_utc or each.last_update_utc for each in _lists(self.path / "crl.pem"))

    def list_is_due(self, now: datetime) -> bool:
        """Tell whether the revocation list should be signed anew, even if nothing was taken back."""
        lists = _lists(self.path / "crl.pem")
        return len(lists) != len(self.issuers) or any(
            now > each.last_update_utc + _BACKDATED + _RENEW_LIST_AFTER or now < each.last_update_utc for each in lists
        )

    def write_list(self, revoked: Mapping[bytes, Sequence[Revoked]], now: datetime) -> None:
        """Sign and write the revocation list: one for each issuer, what was taken back by its fingerprint."""
        lists = [each.revocation_list(revoked.get(each.fingerprint, ()), now=now) for each in self.issuers]
        text = b"".join(each.public_bytes(serialization.Encoding.PEM) for each in lists)
        _write(self.path / "crl.pem", text, is_public=True)

    def listed(self) -> Mapping[bytes, Sequence[Revoked]]:
        """Return what is on the revocation list now, by the issuer's fingerprint."""
        by_name = {issuer.certificate.subject: issuer.fingerprint for issuer in self.issuers}
        return {
            by_name[each.issuer]: [Revoked(entry.serial_number, entry.revocation_date_utc) for entry in each]
            for each in _lists(self.path / "crl.pem")
            if each.issuer in by_name
        }


def open_authority(path: Path) -> Authority:
    """Read an authority that is there.

    Raises
    ------
    AuthorityError
        There is none, or its files do not fit together.
    """
    if not (path / "ca.crt").exists():
        raise AuthorityError(
            f"there is no certificate authority in {path}. Make it with `callout authority --name HOST`, or name its "
            "folder with CALLOUT_AUTHORITY_DIR."
        )
    keys = [_key(file) for file in (path / "ca.key", *sorted(path.glob("former-*.key")))]
    by_public = {_public(key.public_key()): key for key in keys}
    issuers: list[Issuer] = []
    for certificate in _certificates(path / "ca.crt"):
        key = by_public.get(_public(certificate.public_key()))
        if key is None:
            raise AuthorityError(
                f"{path / 'ca.crt'} holds a certificate ({certificate.subject.rfc4514_string()}) without its key beside "
                "it. Put back ca.key, or former-*.key, from the backup; a new authority would make strangers of all "
                "devices."
            )
        issuers.append(Issuer(certificate, key))
    return Authority(path, tuple(issuers))


def prepare(path: Path, names: Iterable[str], now: datetime) -> Authority:
    """Make what the folder lacks, renew what will end soon, and return the authority; else nothing is changed.

    Parameters
    ----------
    path
        The folder; made where it is absent.
    names
        Host names and addresses by which devices reach the broker, beside this machine's own; none: those it has.
    now
        The present instant.

    Raises
    ------
    AuthorityError
        The folder cannot be read or written, or its files do not fit together.
    """
    with _locked(path):
        if not (path / "ca.crt").exists():
            _write_issuers(path, [Issuer.new(now)])
        authority = open_authority(path)
        _prepare_broker(authority, tuple(names), now)
        if not (path / "crl.pem").exists():
            authority.write_list({}, now)
        elif authority.list_is_due(now):
            # What was taken back stays so: it is on the list that is there.
            authority.write_list(authority.listed(), now)
        return authority


def replace_issuer(path: Path, now: datetime) -> Authority:
    """Let a new authority sign from now on; what the former one has signed counts until it is forgotten."""
    with _locked(path):
        issuers = open_authority(path).issuers
        _write_issuers(path, [Issuer.new(now), *issuers])
    return prepare(path, (), now)


def forget_former(path: Path, now: datetime) -> Authority:
    """Trust the authority alone that signs now; devices that hold a certificate of a former one are kept out."""
    with _locked(path):
        _write_issuers(path, open_authority(path).issuers[:1])
    return prepare(path, (), now)


def _prepare_broker(authority: Authority, names: tuple[str, ...], now: datetime) -> None:
    path = authority.path
    # A device that has not renewed since a change knows the former authority only: the oldest vouches for the broker.
    oldest = authority.issuers[-1]
    present = authority.broker_certificate if (path / "broker.crt").exists() else None
    kept = names or (host_names(present) if present else ())
    wanted = tuple(dict.fromkeys((*kept, *LOOPBACK_NAMES)))
    if present is not None and (path / "broker.key").exists():
        fits = host_names(present) == wanted and oldest.has_signed(present)
        lasts = present.not_valid_before_utc <= now < present.not_valid_after_utc - _RENEW_BROKER_BEFORE
        if fits and lasts and _public(present.public_key()) == _public(_key(path / "broker.key").public_key()):
            return
    key = ec.generate_private_key(ec.SECP256R1())
    _write(path / "broker.key", _key_pem(key), is_public=False)
    _write(
        path / "broker.crt", _pem(oldest.broker_certificate(wanted, key.public_key(), now=now)).encode(), is_public=True
    )


def _write_issuers(path: Path, issuers: Sequence[Issuer]) -> None:
    """Write keys first, then what names them: a crash in between leaves a key too many, never one too few."""
    current, *former = issuers
    for issuer in former:
        _write(path / f"former-{issuer.fingerprint.hex()[:16]}.key", _key_pem(issuer.key), is_public=False)
    _write(path / "ca.key", _key_pem(current.key), is_public=False)
    _write(path / "ca.crt", "".join(_pem(each.certificate) for each in issuers).encode(), is_public=True)
    kept = {f"former-{issuer.fingerprint.hex()[:16]}.key" for issuer in former}
    for file in path.glob("former-*.key"):
        if file.name not in kept:
            file.unlink()


@contextlib.contextmanager
def _locked(path: Path) -> Generator[None]:
    """Be the only one who changes the folder: `up`, `accounts` and a person may come at the same time."""
    try:
        path.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        with (path / "lock").open("a", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise AuthorityError(
            f"the authority's folder {path} cannot be written ({error.strerror}): {error.filename}. Free or mend it, or "
            "name another one with CALLOUT_AUTHORITY_DIR."
        ) from error


def _write(path: Path, content: bytes, *, is_public: bool) -> None:
    write_privately(path, content.decode("ascii"))
    if is_public:
        path.chmod(_PUBLIC_MODE)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise AuthorityError(
            f"{path} cannot be read ({error.strerror}). Put it back from the backup, or let its owner start this."
        ) from error


def _certificates(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(_read(path))
    except ValueError as error:
        raise _unreadable(path, "certificate", error) from error


def _lists(path: Path) -> list[x509.CertificateRevocationList]:
    end = b"-----END X509 CRL-----"
    try:
        return [x509.load_pem_x509_crl(part + end) for part in _read(path).split(end)[:-1]]
    except ValueError as error:
        raise _unreadable(path, "revocation list", error) from error


def _key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(_read(path), None)
    except (ValueError, TypeError) as error:
        raise _unreadable(path, "private key", error) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise AuthorityError(f"{path} holds a key of another kind than the EC keys that are made here: put back ours.")
    return key


def _unreadable(path: Path, what: str, error: Exception) -> AuthorityError:
    return AuthorityError(f"{path} does not hold a {what} ({error}). Put it back from the backup.")


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


def _public(key: CertificatePublicKeyTypes) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
