"""Solvers that do not behave: `python -m tests.fakes.solver MANNER` reads a task like the real one, and then does worse."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def tell(routes: list[list[int]]) -> None:
    sys.stdout.write(json.dumps({"routes": routes}) + "\n")
    sys.stdout.flush()


def hang() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(60)


def main(manner: str, words: list[str]) -> None:
    task = json.loads(sys.stdin.read())
    everybody = list(range(len(task["calls"])))
    others: list[list[int]] = [[] for _ in task["shifts"][1:]]
    match manner:
        case "tells_and_hangs":
            tell([everybody, *others])
            hang()
        case "says_nothing_and_hangs":
            hang()
        case "hangs_with_a_child":
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], stdout=sys.stdout)
            Path(words[0]).write_text(str(child.pid))
            hang()
        case "closes_its_mouth_and_stays":
            tell([everybody, *others])
            os.close(1)
            hang()
        case "lies":
            tell([everybody + everybody, *others])
            tell([[len(everybody)], *others])
            tell([everybody, []])
            tell([[], *others])
        case "babbles":
            sys.stdout.write('no plan\n{"routes": 7}\n{"routes": [["a"]]}\n\xff\n{"routes"')
            sys.stdout.flush()
        case "never_ends_its_line":
            while True:
                sys.stdout.write("[" * 65536)
        case "breaks":
            tell([everybody, *others])
            sys.exit("ran out of everything")
        case _:
            sys.exit(f"no manner {manner}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
