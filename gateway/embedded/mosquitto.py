"""Where the program mosquitto comes from: the machine's own, or Debian's packages unpacked into the data folder.

Unpacking needs no root and touches nothing outside the data folder: apt keeps its lists and archives there, too.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_SERVER_PATHS: Final = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin:/sbin"
_INSTALLED_PACKAGES: Final = Path("/var/lib/dpkg/status")
_APT_SECONDS: Final = 240


@dataclass(frozen=True, slots=True)
class Mosquitto:
    """A mosquitto that runs: its program, and the variables that it needs to find its libraries."""

    program: Path
    environment: dict[str, str] = field(default_factory=dict[str, str])


def find_mosquitto(unpack_into: Path) -> Mosquitto | str:
    """Find mosquitto, or unpack it; else say why there is none.

    Parameters
    ----------
    unpack_into
        Folder for Debian's packages, should they be needed; what an earlier call has unpacked there is used again.
    """
    unpacked = present_mosquitto(unpack_into)
    if unpacked is None:
        problem = _unpack(unpack_into)
        if problem:
            return f"mosquitto is not on this machine, and could not be unpacked: {problem}"
        unpacked = _unpacked(unpack_into)
    return unpacked or f"mosquitto was unpacked into {unpack_into} but does not run there"


def present_mosquitto(unpacked_into: Path) -> Mosquitto | None:
    """Return the machine's mosquitto, or the one that an earlier call has unpacked; nothing is downloaded."""
    found = shutil.which("mosquitto", path=f"{os.environ.get('PATH', os.defpath)}:{_SERVER_PATHS}")
    return Mosquitto(Path(found)) if found else _unpacked(unpacked_into)


def _unpacked(folder: Path) -> Mosquitto | None:
    program = folder / "usr" / "sbin" / "mosquitto"
    if not program.exists():
        return None
    libraries = sorted({str(library.parent) for library in folder.rglob("*.so*")})
    candidate = Mosquitto(program, {"LD_LIBRARY_PATH": ":".join(libraries)})
    outcome = subprocess.run(
        [str(program), "-h"], check=False, capture_output=True, env={**os.environ, **candidate.environment}
    )
    return candidate if b"MQTT" in outcome.stdout else None


def _unpack(folder: Path) -> str:
    """Download and unpack; return what went wrong, or nothing."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        return "there is no apt-get here"
    apt = folder.with_name(f"{folder.name}.apt")
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        archives = _download(apt)
        for archive in archives:
            subprocess.run(
                ["dpkg-deb", "-x", str(archive), str(unfinished)], check=True, capture_output=True, text=True
            )
    except subprocess.TimeoutExpired:
        return f"apt-get did not end within {_APT_SECONDS} s"
    except subprocess.CalledProcessError as error:
        said: str = error.stderr or ""
        return said.strip().splitlines()[-1] if said.strip() else f"{error.cmd[0]} failed"
    finally:
        shutil.rmtree(apt, ignore_errors=True)
    if not (unfinished / "usr" / "sbin" / "mosquitto").exists():
        return "Debian's packages did not contain it"
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)
    return ""


def _download(apt: Path) -> list[Path]:
    for below in ("lists/partial", "archives/partial"):
        (apt / below).mkdir(parents=True, exist_ok=True)
    options = [
        *("-o", f"Dir::State::lists={apt}/lists", "-o", f"Dir::State::status={_INSTALLED_PACKAGES}"),
        *("-o", f"Dir::Cache={apt}", "-o", f"Dir::Cache::archives={apt}/archives"),
        # Nothing is installed, so the system's locks are not ours to take, nor is there an account to change to.
        *("-o", "Debug::NoLocking=1", "-o", f"APT::Sandbox::User={'root' if os.geteuid() == 0 else ''}"),
    ]
    wanted = ["install", "--yes", "--download-only", "--reinstall", "--no-install-recommends", "mosquitto"]
    for words in (["update"], wanted):
        command = ["apt-get", "-q", *options, *words]
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_APT_SECONDS)
    return sorted((apt / "archives").glob("*.deb"))
