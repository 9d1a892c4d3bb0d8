"""Decisions about a request, told from their receipts: what was seen, what was rejected, how sure; and the receipts as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from dashboards.desk import TheDesk
from dashboards.login import TheSession
from dashboards.numbers import Number
from dashboards.render import PERSONAL, message
from devices.product import ProductType
from diagnostics.receipt import canonical, read
from gateway.decisions.evidence import UNKNOWN_TITLE, element_and_unit
from gateway.storage import receipts
from gateway.storage.connection import Connection
from gateway.storage.receipts import Decision

router: Final = APIRouter(prefix="/planner/requests", include_in_schema=False)

_MOST: Final = 10


@dataclass(frozen=True, slots=True)
class Sight:
    """One symptom as a decision saw it; titles are texts to translate, `value` and `limit` are in `unit`."""

    title: str
    element: int
    element_name: str
    value: float | None
    limit: float | None
    unit: str
    text: str
    since_at: datetime


@dataclass(frozen=True, slots=True)
class Rival:
    """One possible cause as it was weighed: what it explains, what of it was not seen, and what it leaves unexplained."""

    title: str
    probability: float
    explained: Sequence[str]
    missing: Sequence[str]
    unexplained: Sequence[str]


@dataclass(frozen=True, slots=True)
class Asked:
    """What would tell the causes apart: a question, how it is done and what it takes; each answer with what it makes likely."""

    question: str
    manner: str
    minutes: float
    after_yes: tuple[str, float]
    after_no: tuple[str, float]


@dataclass(frozen=True, slots=True)
class Cited:
    """A reporting cycle that confirmed a symptom: how often a well device is as abnormal, and how often was asked, 0 to 1."""

    title: str
    ends_at: datetime
    share: float
    at_most: float


@dataclass(frozen=True, slots=True)
class Account:
    """A decision as its receipt tells it."""

    decision_id: int
    outcome: str
    decided_at: datetime
    sha256: str
    rules_sha256: str
    program: str
    sure_from: float
    rows: int
    seen: Sequence[Sight]
    leading: Rival | None
    rejected: Sequence[Rival]
    well: Sequence[str]
    labels: Sequence[str]
    asked: Asked | None
    cited: Sequence[Cited]


def decisions(conn: Connection, request_id: int, product: ProductType) -> list[Account]:
    """Return the newest decisions about a request, newest first."""
    return [_account(each, product) for each in receipts.decisions_of_request(conn, request_id, _MOST)]


def _account(decision: Decision, product: ProductType) -> Account:
    told: Mapping[str, Any] = read(decision.receipt)
    seen = [_sight(each, product) for each in told["symptoms"]]
    titles = {each["symptom_id"]: sight.title for each, sight in zip(told["symptoms"], seen, strict=True)}
    rivals = [_rival(each, titles, product) for each in told["hypotheses"]]
    return Account(
        decision_id=decision.decision_id,
        outcome=decision.outcome,
        decided_at=decision.decided_at,
        sha256=decision.sha256,
        rules_sha256=told["rules_sha256"],
        program=f"{told['software']['version']}, {told['software']['engine_sha256'][:16]}",
        sure_from=told["thresholds"]["sure_from"],
        rows=sum(each["rows"] for each in told["readings"]),
        seen=seen,
        leading=rivals[0] if rivals else None,
        rejected=rivals[1:],
        well=_titles(told.get("well", ()), product),
        labels=[_fault_title(code, product) for code in told.get("labels", ())],
        asked=_asked(told.get("next_check"), product),
        cited=[each for citation in told["calibration"] for each in _cited(citation, product)],
    )


def _cited(told: Mapping[str, Any], product: ProductType) -> list[Cited]:
    (title,) = _titles([told["monitor"]], product)
    return [
        Cited(title, datetime.fromisoformat(each["ends_at"]), each["p_value"], each["threshold"]["p_value"])
        for each in told["cycles"]
        if each["p_value"] is not None
    ]


def _asked(told: Mapping[str, Any] | None, product: ProductType) -> Asked | None:
    """Return the next check in words; None where there was none, and where its row is no longer there."""
    check = None if told is None else next((each for each in product.checks if each.name == told["check"]), None)
    if told is None or check is None:
        return None
    return Asked(
        check.question,
        check.manner.value,
        told["minutes"],
        _likeliest(told["after_yes"], product),
        _likeliest(told["after_no"], product),
    )


def _likeliest(after: Mapping[str, float], product: ProductType) -> tuple[str, float]:
    code = max(sorted(after), key=lambda each: after[each])
    return _fault_title(code, product), after[code]


def _fault_title(code: str, product: ProductType) -> str:
    return product.faults[code].title if code in product.faults else UNKNOWN_TITLE


def _titles(names: Sequence[str], product: ProductType) -> list[str]:
    titles = {monitor.name: monitor.title for monitor in product.monitors}
    return [titles.get(name, name) for name in names]


def _sight(told: Mapping[str, Any], product: ProductType) -> Sight:
    monitor = next((each for each in product.monitors if each.name == told["monitor"]), None)
    element_name, unit = ("", "") if monitor is None else element_and_unit(product, monitor)
    value, limit = (each if isinstance(each, int | float) else None for each in (told["value"], told["threshold"]))
    return Sight(
        title=told["monitor"] if monitor is None else monitor.title,
        element=told["element"],
        element_name=element_name,
        value=value,
        limit=limit,
        unit=unit,
        text=told["text"],
        since_at=datetime.fromisoformat(told["since_at"]),
    )


def _rival(told: Mapping[str, Any], titles: Mapping[int, str], product: ProductType) -> Rival:
    fault = product.faults.get(told["fault"])
    return Rival(
        title=fault.title if fault else UNKNOWN_TITLE,
        probability=told["probability"],
        explained=list(dict.fromkeys(titles[each] for each in told["evidence_for"])),
        missing=_titles(told["missing"], product),
        unexplained=list(dict.fromkeys(titles[each] for each in told["unexplained"])),
    )


@router.get("/{request_id}/decisions/{decision_id}")
def download(request: Request, desk: TheDesk, session: TheSession, request_id: Number, decision_id: Number) -> Response:
    """Hand over the receipt of a decision as JSON, with its number and its hash beside what is hashed."""
    with desk.tenant(session.tenant_id) as conn:
        decision = receipts.find_decision(conn, decision_id)
    if decision is None or decision.request_id != request_id:
        t = session.translator
        return message(
            request,
            t,
            title=t.gettext("There is no such decision"),
            text=t.gettext("Its number may be mistyped, or it is about another request. Go back to the queue."),
            status=404,
        )
    return receipt_file(decision)


def receipt_file(decision: Decision) -> Response:
    """Return a decision's receipt as a file of JSON."""
    document = read(decision.receipt) | {"decision": decision.decision_id, "sha256": decision.sha256}
    name = f"callout-decision-{decision.decision_id}.json"
    return Response(
        canonical(document),
        media_type="application/json",
        headers=PERSONAL | {"Content-Disposition": f'attachment; filename="{name}"'},
    )
