"""Small instances, written out for tests: in Solomon's, VRPLIB's and Cordeau's format."""

import random
from collections.abc import Sequence
from pathlib import Path

from gateway.routing.instance import Convention, Instance, read_instance


def read(folder: Path, text: str, name: str = "one.vrp", convention: Convention | None = None) -> Instance:
    """Read a text as the file that it would be."""
    file = folder / name
    file.write_text(text, "utf-8")
    return read_instance(file, convention)


def solomon(clients: int = 8, seed: int = 1) -> str:
    chance = random.Random(seed)
    lines = ["SMALL", "", "VEHICLE", "NUMBER     CAPACITY", "   4          20", "", "CUSTOMER"]
    lines += ["CUST NO.  XCOORD.   YCOORD.    DEMAND   READY TIME  DUE DATE   SERVICE   TIME", ""]
    lines.append("0 50 50 0 0 1000 0")
    for number in range(1, clients + 1):
        begins = chance.randrange(100, 500)
        place = f"{chance.randrange(100)} {chance.randrange(100)}"
        lines.append(f"{number} {place} {chance.randrange(1, 8)} {begins} {begins + 200} 10")
    return "\n".join(lines) + "\n"


# Two kinds of vehicles: the first may not visit node 4, the second may not visit node 2.
SITE_DEPENDENT = """NAME: TWO KINDS
COMMENT: four clients on a line
TYPE: SDVRPTW
EDGE_WEIGHT_TYPE: EUC_2D
DIMENSION: 5
VEHICLES: 2
VEHICLES_MAX_DURATION: 500
NODE_COORD_SECTION
1 0 0
2 10 0
3 20 0
4 30 0
5 40 0.5
DEMAND_SECTION
1 0
2 1
3 1
4 1
5 1
SERVICE_TIME_SECTION
1 0
2 5
3 5
4 5
5 5
TIME_WINDOW_SECTION
1 0 1000
2 0 900
3 0 900
4 0 900
5 0 900
CAPACITY_SECTION
1 10
2 20
VEHICLES_ALLOWED_CLIENTS_SECTION
1 2 3 5
2 3 4 5
EOF
"""


def capacitated(places: Sequence[tuple[float, float]] = ((0, 0), (3, 4), (6, 8), (0, 5))) -> str:
    nodes = "\n".join(f"{number} {x} {y}" for number, (x, y) in enumerate(places, start=1))
    demands = "\n".join(f"{number} {int(number > 1)}" for number in range(1, len(places) + 1))
    return (
        f"NAME : TINY\nTYPE : CVRP\nDIMENSION : {len(places)}\nEDGE_WEIGHT_TYPE : EUC_2D\nCAPACITY : 2\n"
        f"NODE_COORD_SECTION\n{nodes}\nDEMAND_SECTION\n{demands}\nDEPOT_SECTION\n1\n-1\nEOF\n"
    )


# The same as above: of two types 2 is the first and 1 the second.
CORDEAU = """7 1 4 2
500 10
500 20
0 0 0 0 0 0 0 0 1000
1 10 0 5 1 1 1 2 0 900
2 20 0 5 1 1 2 1 2 0 900
3 30 0 5 1 1 1 1 0 900
4 40 0.5 5 1 1 2 2 1 0 900
"""
