"""Steps: what each job does, in one transaction of its tenant. The work process runs them as they come.

A new job is a name in `gateway.jobs` and a row here. It knows no clock: whoever runs a step says what time it is.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from gateway import jobs, journey
from gateway.remedies import remedying, warning
from gateway.storage.connection import Connection, tenant_transaction

# In a transaction of the tenant, with the job's other arguments and the time.
Step = Callable[..., object]

STEPS: Final[Mapping[str, Step]] = {
    jobs.DIAGNOSE: journey.diagnose,
    jobs.OFFER: journey.offer,
    jobs.REMEDY: remedying.go_on,
    jobs.WARN: warning.warn,
}


def take_step(connection: Connection, task: str, arguments: Mapping[str, Any], now: datetime) -> None:
    """Run one step of the journey in a transaction of its tenant.

    Parameters
    ----------
    connection : Connection
        In the role of work, in autocommit mode.
    task : str
        A key of `STEPS`.
    arguments : mapping
        Those that the job was deferred with: `tenant_id`, and what the step asks for.
    now : datetime
        Aware.
    """
    rest = {name: value for name, value in arguments.items() if name != "tenant_id"}
    with tenant_transaction(connection, arguments["tenant_id"]):
        STEPS[task](connection, **rest, now=now)
