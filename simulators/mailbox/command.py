"""``python -m simulators mailbox``."""

import asyncio
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session

from simulators.errors import SimulatorError
from simulators.mailbox.letters import LetterBox
from simulators.mailbox.pages import Pages

_LARGEST_LETTER_BYTES = 10 * 1024 * 1024


class Catcher:
    """Takes every letter, whoever it is for.

    Parameters
    ----------
    box
        Where the letters go.
    """

    def __init__(self, box: LetterBox) -> None:
        self._box = box

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 (the library's name)
        """Keep a letter before it is acknowledged."""
        content = envelope.original_content or b""
        try:
            self._box.put(content, [str(address) for address in envelope.rcpt_tos], datetime.now(UTC))
        except OSError as error:
            return f"452 the letter could not be kept: {error.strerror}"
        return "250 kept"


def mailbox(
    *,
    smtp_port: Annotated[int, typer.Option(min=0, max=65535, help="Port for mail, 0 for any free one.")] = 21025,
    http_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the page, 0 for any free one.")] = 21080,
    directory: Annotated[Path, typer.Option("--dir", help="Folder of the letters, one .eml file each.")] = Path(
        ".callout/mailbox"
    ),
) -> None:
    """Catch all mail on this machine and show it on a page.

    It listens on the loopback only. GET /messages.json gives the letters with all links in them.
    """
    box = LetterBox(directory)
    smtp_socket, http_socket = _listener(smtp_port, "--smtp-port"), _listener(http_port, "--http-port")
    asyncio.run(_serve(box, smtp_socket, http_socket))


async def _serve(box: LetterBox, smtp_socket: socket.socket, http_socket: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    catcher = Catcher(box)
    post = await loop.create_server(
        lambda: SMTP(catcher, data_size_limit=_LARGEST_LETTER_BYTES, enable_SMTPUTF8=True, loop=loop), sock=smtp_socket
    )
    config = uvicorn.Config(
        Pages(box).application(), log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=1
    )
    sys.stdout.write(
        f"mailbox: smtp://127.0.0.1:{_port(smtp_socket)} and http://127.0.0.1:{_port(http_socket)}/ "
        f"with {len(box.ids())} letters\n"
    )
    sys.stdout.flush()
    try:
        await uvicorn.Server(config).serve(sockets=[http_socket])
    finally:
        post.close()


def _port(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def _listener(port: int, option: str) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise SimulatorError(
            f"Cannot listen on 127.0.0.1:{port}: {error.strerror}. Give another port with {option}, or 0 for any."
        ) from error
    listener.listen(128)
    return listener
