"""The load generator, a process of its own: it writes prepared PUBLISH frames over a few connections and counts their PUBACKs.

``python -m benchmarks.publish URL FRAMES...``: a connection for each file of frames. It knows nothing of what is in them;
the last line it prints is JSON: messages acknowledged, seconds, CPU seconds.
"""

import argparse
import json
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.wire import PUBACK_BYTES, publisher
from gateway.settings import CHECKOUT, ServerAddress

_CHUNK: Final = 1 << 16


@dataclass(slots=True)
class _Lane:
    """A connection, the frames still to write, and the bytes of acknowledgements that came."""

    link: socket.socket
    frames: memoryview
    acknowledged_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Published:
    """What a load generator did."""

    messages: int
    seconds: float
    cpu_s: float


def started(url: str, files: Sequence[Path], total: int) -> "subprocess.Popen[str]":
    """Start the load generator with so many messages in its files."""
    command = [sys.executable, "-m", "benchmarks.publish", url, str(total), *map(str, files)]
    return subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)


def finished(process: "subprocess.Popen[str]") -> Published:
    """Wait for a load generator, and return what it did.

    Raises
    ------
    RuntimeError
        It failed; it has said why on standard error.
    """
    said, _ = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"the load generator ended with {process.returncode}: see above")
    return Published(**json.loads(said.splitlines()[-1]))


def main() -> None:
    """Publish and tell."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    words.add_argument("url")
    words.add_argument("total", type=int)
    words.add_argument("frames", type=Path, nargs="+")
    asked = words.parse_args()
    address = ServerAddress.parse(asked.url)
    lanes = [
        _Lane(publisher(address, f"benchmark-{number}"), memoryview(file.read_bytes()))
        for number, file in enumerate(asked.frames)
    ]
    began_s = time.monotonic()
    _publish(lanes, asked.total)
    seconds = time.monotonic() - began_s
    print(json.dumps({"messages": asked.total, "seconds": seconds, "cpu_s": time.process_time()}), flush=True)


def _publish(lanes: Sequence[_Lane], total: int) -> None:
    with selectors.DefaultSelector() as ready:
        for lane in lanes:
            lane.link.setblocking(False)
            ready.register(lane.link, selectors.EVENT_READ | selectors.EVENT_WRITE, lane)
        while sum(lane.acknowledged_bytes for lane in lanes) < total * PUBACK_BYTES:
            for key, events in ready.select():
                lane: _Lane = key.data
                if events & selectors.EVENT_READ:
                    _hear(lane)
                if events & selectors.EVENT_WRITE:
                    lane.frames = lane.frames[lane.link.send(lane.frames[:_CHUNK]) :]
                    if not lane.frames:
                        ready.modify(lane.link, selectors.EVENT_READ, lane)
    for lane in lanes:
        lane.link.close()


def _hear(lane: _Lane) -> None:
    acks = lane.link.recv(_CHUNK)
    if not acks:
        raise ConnectionError("the broker ended a connection of the load generator: see its log")
    lane.acknowledged_bytes += len(acks)


if __name__ == "__main__":
    main()
