"""The desk's decisions without its database: symptoms to diagnoses to requests and cases, by the functions that production uses.

It keeps in memory what production keeps in tables, and leaves out what follows from a request: nobody is asked, nothing
is mended, so a request that was opened stays open.
"""

from dataclasses import dataclass, field

from devices.product import ProductType
from diagnostics.diagnosis import Evidence, diagnose
from diagnostics.playback import known_well
from diagnostics.watch import SymptomChange, Watch
from workflows.triage import Amend, CaseWanted, Open, OpenRequest, Queue, Release, triage


@dataclass(frozen=True, slots=True)
class Decision:
    """A request that was opened, or a case that was added to one: when, about what, and in which queue (none: by itself)."""

    device_id: int
    at_us: int
    component: str
    fault: str
    queue: Queue | None
    is_new: bool


@dataclass(slots=True)
class _Matter:
    """One component of one device: its open symptoms by (monitor, element), and its request."""

    symptoms: dict[tuple[str, int], Evidence] = field(default_factory=dict[tuple[str, int], Evidence])
    present: OpenRequest | None = None


class Desk:
    """What follows from symptoms, over any number of devices.

    Parameters
    ----------
    product : ProductType
        Faults, monitors and remedies.
    watch : Watch
        Knows what else is well: it is asked after each batch, as production's job is.
    closes_when_well : bool
        A request is closed when all symptoms of its component have gone, so that the next ones open another.
    """

    def __init__(self, product: ProductType, watch: Watch, *, closes_when_well: bool = False) -> None:
        self._product, self._watch = product, watch
        self._closes_when_well = closes_when_well
        self._component = {monitor.name: monitor.component for monitor in product.monitors}
        self._matters: dict[tuple[int, str], _Matter] = {}
        self._symptoms = 0

    def take(self, change: SymptomChange, at_us: int) -> Decision | None:
        """Take a symptom's change; return what was opened or added by it."""
        if change.phase == "pending":
            return None
        component = self._component[change.monitor]
        matter = self._matters.setdefault((change.device_id, component), _Matter())
        key = (change.monitor, change.element)
        if change.phase == "confirmed":
            self._symptoms += 1
            matter.symptoms[key] = Evidence(self._symptoms, change.monitor, change.element, change.since_us)
        else:
            matter.symptoms.pop(key, None)
        well = known_well(self._product, self._watch.snapshot([change.device_id]), at_us)
        diagnosis = diagnose(self._product, component, list(matter.symptoms.values()), well)
        if diagnosis is None:
            if self._closes_when_well:
                matter.present = None
            return None
        match triage(self._product, diagnosis, matter.present):
            case Open(fault, case):
                matter.present = OpenRequest(
                    fault, case is not None, is_touched_by_a_person=False, queues=_queues(case)
                )
                return Decision(change.device_id, at_us, component, fault, None if case is None else case.queue, True)
            case Amend(fault, case):
                return self._amended(matter, change.device_id, at_us, component, fault, case)
            case Release(fault):
                matter.present = OpenRequest(fault, is_held=False, is_touched_by_a_person=False, queues=frozenset())
                return Decision(change.device_id, at_us, component, fault, None, True)

    def present(self, device_id: int, component: str) -> OpenRequest | None:
        """Return what is open for a component of a device."""
        matter = self._matters.get((device_id, component))
        return None if matter is None else matter.present

    @staticmethod
    def _amended(
        matter: _Matter, device_id: int, at_us: int, component: str, fault: str, case: CaseWanted | None
    ) -> Decision | None:
        before = matter.present
        if before is None:
            raise RuntimeError(f"device {device_id}: {component} has no request that could be amended")
        matter.present = OpenRequest(fault, before.is_held or case is not None, False, before.queues | _queues(case))
        return None if case is None else Decision(device_id, at_us, component, fault, case.queue, is_new=False)


def _queues(case: CaseWanted | None) -> frozenset[Queue]:
    return frozenset() if case is None else frozenset({case.queue})
