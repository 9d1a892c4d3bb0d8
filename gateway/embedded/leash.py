"""Run a module so that it ends with the process that started it, however that one ends: `leash PARENT MODULE ARGS...`.

A household that is killed cannot stop its children any more; on Linux the kernel then does it, by SIGTERM. Elsewhere
the children stay, and the next start names the port that they hold.
"""

import ctypes
import os
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def hold(parent: int) -> None:
    """Ask the kernel for SIGTERM when the parent ends; end here when it has ended already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            sys.exit(0)


def command(*words: str) -> list[str]:
    """Return the command that runs a module on our leash."""
    # By its file: the module that is started may know nothing of this checkout.
    return [sys.executable, "-P", __file__, str(os.getpid()), *words]


if __name__ == "__main__":
    hold(int(sys.argv[1]))
    # The kernel's promise outlives the change of program.
    os.execv(sys.executable, [sys.executable, "-m", *sys.argv[2:]])  # noqa: S606  # a shell is what is not wanted
