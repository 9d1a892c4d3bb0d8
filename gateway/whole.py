"""Whole files: what is written under a name is there as a whole, or not at all, whenever its process is killed.

It is for results that people and programs read later: metrics, plots, models, tables in documents. What is secret is
written by those who keep it.
"""

import os
import secrets
from pathlib import Path
from typing import Final

# Ends no name that anybody looks for.
_UNFINISHED: Final = ".unfinished"


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file beside its place, and put it there when all of it is on the disk; what was there stands until then.

    A process that is killed leaves at most a file of another name, hidden and ending in `.unfinished`. What is written is
    in UTF-8, and what is no ordinary file, such as `/dev/stdout`, is written as it is.

    Parameters
    ----------
    path : Path
        The file; a link is followed, and what it leads to is replaced.
    content : str or bytes
        All of it.

    Raises
    ------
    OSError
        When it cannot be written there; what was there is as it was.
    """
    data = content.encode() if isinstance(content, str) else content
    target = path.resolve()
    if target.exists() and not target.is_file():
        target.write_bytes(data)
        return
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}{_UNFINISHED}")
    try:
        with beside.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            beside.chmod(target.stat().st_mode)
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
