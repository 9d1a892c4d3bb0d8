"""``python -m simulators supplier``."""

import os
import sys
import threading
import time
from typing import Annotated

import typer
import uvicorn

from simulators.durations import parse_duration
from simulators.errors import SimulatorError
from simulators.supplier.shop import Manners, Shop

_LOOK_EVERY_S = 0.2


def supplier(
    *,
    desk: Annotated[str, typer.Option(help="Address of the desk.")] = "http://127.0.0.1:8080",
    tenant: Annotated[str, typer.Option(help="Whose supplier he is.")] = "hanbit",
    name: Annotated[str, typer.Option(help="His name in that tenant's file.")] = "cells",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where he takes orders.")] = 21090,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same supplier.")] = 7,
    answer: Annotated[str, typer.Option(help="After how long he answers.")] = "1s",
    deliver: Annotated[str, typer.Option(help="After how long he delivers.")] = "20s",
    obeys_share: Annotated[float, typer.Option(min=0, help="Part of the orders that go as they should.")] = 1.0,
    delays_share: Annotated[float, typer.Option(min=0, help="Part that is confirmed and then delayed.")] = 0.0,
    silent_share: Annotated[float, typer.Option(min=0, help="Part that is never answered.")] = 0.0,
    doubles_share: Annotated[float, typer.Option(min=0, help="Part that is answered twice.")] = 0.0,
    wrong_share: Annotated[float, typer.Option(min=0, help="Part that is answered with another part.")] = 0.0,
    rejects_share: Annotated[float, typer.Option(min=0, help="Part that is rejected.")] = 0.0,
) -> None:
    """Take orders for parts, and tell the desk by signed messages how they stand.

    The secret that he shares with the desk is read from the environment, SUPPLIER_SECRET.
    """
    secret = os.environ.get("SUPPLIER_SECRET", "")
    if not secret:
        raise SimulatorError("SUPPLIER_SECRET is empty: set it to what the desk has for this supplier, whsec_...")
    manners = Manners(
        obeys=obeys_share,
        delays=delays_share,
        silent=silent_share,
        doubles=doubles_share,
        wrong=wrong_share,
        rejects=rejects_share,
        answer_s=parse_duration(answer).total_seconds(),
        deliver_s=parse_duration(deliver).total_seconds(),
    )
    shop = Shop(f"{desk}/api/v1/suppliers/{tenant}/{name}/messages", secret, manners, seed)
    threading.Thread(target=_send_until_the_end, args=(shop,), daemon=True).start()
    sys.stdout.write(f"supplier: orders to http://127.0.0.1:{port}/orders, messages to {desk}\n")
    sys.stdout.flush()
    config = uvicorn.Config(shop.application(), host="127.0.0.1", port=port, log_level="warning", access_log=False)
    uvicorn.Server(config).run()


def _send_until_the_end(shop: Shop) -> None:
    while True:
        shop.send_due()
        time.sleep(_LOOK_EVERY_S)
