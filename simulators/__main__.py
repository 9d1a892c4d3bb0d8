"""The simulators' command line: ``python -m simulators fleet | owners | mailbox | replay | record | supplier``."""

import sys

import typer

from devices.errors import ProductError
from simulators.errors import SimulatorError
from simulators.fleet.command import fleet
from simulators.mailbox.command import mailbox
from simulators.owners.command import owners
from simulators.record import record
from simulators.replay.command import replay
from simulators.supplier.command import supplier

app = typer.Typer(
    help="The street outside of Callout: what reaches it by MQTT, HTTP and mail only.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (fleet, owners, mailbox, replay, record, supplier):
    app.command()(command)


def main() -> None:
    """Run a simulator; what goes wrong is said in one paragraph."""
    try:
        app()
    except (SimulatorError, ProductError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
