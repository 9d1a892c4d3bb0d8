"""Under whose account the embedded servers run: PostgreSQL refuses root, and no server should need it.

Not as root there is nothing to do. As root a server is started as nobody; where nobody may not walk to its files
(a checkout below /root), inside a user namespace that shows our root as nobody; where the kernel allows no such
namespace, as nobody with the one capability to walk through closed folders.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.errors import EmbeddedError

_NOBODY: Final = 65534
_TRY_SECONDS: Final = 20


@dataclass(frozen=True, slots=True)
class Account:
    """How a server is started: a command in front of its own, and the owner that its files must have.

    `owner` is None where the files simply stay ours.
    """

    prefix: tuple[str, ...] = ()
    owner: int | None = None

    def own(self, path: Path) -> None:
        """Give one file or folder to the account."""
        if self.owner is not None:
            os.chown(path, self.owner, self.owner)


def account_for(program: Path, folder: Path) -> Account:
    """Choose an account that can run `program` and write in `folder`, which is given to it.

    Whoever owns what an earlier start has left in the folder stays its owner.

    Raises
    ------
    EmbeddedError
        We are root, and there is no way to start the program as anybody else.
    """
    if os.geteuid() != 0:
        return Account()
    for account in _ways_down_from_root(folder):
        account.own(folder)
        if _works(account, program, folder):
            return account
        if account.owner == _NOBODY and not any(folder.iterdir()):
            os.chown(folder, 0, 0)
    message = (
        f"{program.name} must not run as root, and no other account can run it from {program.parent} with its data in "
        f"{folder}. Start Callout as an ordinary user, or put the checkout and CALLOUT_DATA_DIR where others may enter."
    )
    raise EmbeddedError(message)


def _ways_down_from_root(folder: Path) -> list[Account]:
    owner = folder.stat().st_uid
    is_new = not any(folder.iterdir())
    as_other = _set_account(owner or _NOBODY)
    as_other_who_walks = _set_account(owner or _NOBODY, "--inh-caps=+dac_override", "--ambient-caps=+dac_override")
    if owner:
        return [*as_other, *as_other_who_walks]
    return [*as_other, *_seeming_nobody(), *as_other_who_walks] if is_new else _seeming_nobody()


def _set_account(number: int, *capabilities: str) -> list[Account]:
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return []
    return [Account((setpriv, f"--reuid={number}", f"--regid={number}", "--clear-groups", *capabilities, "--"), number)]


def _seeming_nobody() -> list[Account]:
    unshare = shutil.which("unshare")
    if unshare is None:
        return []
    return [Account((unshare, "--user", f"--map-user={_NOBODY}", f"--map-group={_NOBODY}", "--"))]


def _works(account: Account, program: Path, folder: Path) -> bool:
    probe = ("/bin/sh", "-c", 'test -x "$0" && test -w "$1" && test -x "$1"', str(program), str(folder))
    try:
        outcome = subprocess.run(
            (*account.prefix, *probe), check=False, capture_output=True, timeout=_TRY_SECONDS, cwd="/"
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return outcome.returncode == 0
