"""Findings of reporting cycles: who passed, from where that is recomputed, who was confirmed, and who is well again."""

from datetime import datetime

import numpy as np

from diagnostics.calibration.cycle import Decided
from gateway.storage.arrays import int_array
from gateway.storage.connection import Connection
from gateway.storage.scores import CycleScores


def write_findings(
    connection: Connection,
    product: str,
    monitor: str,
    cycle_id: int,
    ends_at: datetime,
    of: CycleScores,
    decided: Decided,
) -> None:
    """Write who passed a cycle and from where that is recomputed, and end the findings of those who are well again."""
    well = np.flatnonzero(decided.well).tolist()
    connection.execute(
        """UPDATE cycle_finding f SET ended_at = %(ends)s
        FROM unnest(%(devices)s::int[], %(elements)s::int[]) AS well (device_id, element)
        WHERE f.device_id = well.device_id AND f.element = well.element AND f.monitor = %(monitor)s
            AND f.cycle_before_id IS NOT NULL AND f.ended_at IS NULL""",
        {
            "ends": ends_at,
            "monitor": monitor,
            "devices": int_array([of.device_ids[place] for place in well]),
            "elements": int_array([of.elements[place] for place in well]),
        },
    )
    passed = np.flatnonzero(decided.passed).tolist()
    # A score that was said anew since it was looked at has other readings: then from where it came is not known.
    connection.execute(
        """WITH passed AS (
            SELECT t.*, s.state, sha256(s.state) AS state_sha256, s.begins_at, s.scored_at, s.last_ingest_no
            FROM unnest(%(devices)s::int[], %(elements)s::int[], %(tenants)s::int[], %(scores)s::float8[],
                %(p_values)s::float8[], %(confirmed)s::bool[])
                AS t (device_id, element, tenant_id, score, p_value, is_confirmed)
            LEFT JOIN device_score s ON s.product = %(product)s AND s.monitor = %(monitor)s AND s.ends_at = %(ends)s
                AND s.device_id = t.device_id AND s.element = t.element AND s.score = t.score),
        kept AS (INSERT INTO kept_content (sha256, content)
            SELECT DISTINCT state_sha256, state FROM passed WHERE state IS NOT NULL ON CONFLICT DO NOTHING)
        INSERT INTO cycle_finding (cycle_id, device_id, element, monitor, tenant_id, score, p_value, cycle_before_id,
            state_sha256, begins_at, scored_at, last_ingest_no)
        SELECT %(cycle)s, device_id, element, %(monitor)s, tenant_id, score, p_value,
            CASE WHEN is_confirmed THEN %(before)s::bigint END, state_sha256, begins_at, scored_at, last_ingest_no
        FROM passed""",
        {
            "cycle": cycle_id,
            "product": product,
            "monitor": monitor,
            "ends": ends_at,
            "before": of.cycle_before_id,
            "devices": int_array([of.device_ids[place] for place in passed]),
            "elements": int_array([of.elements[place] for place in passed]),
            "tenants": int_array([of.tenant_ids[place] for place in passed]),
            "scores": of.scores[passed].tolist(),
            "p_values": decided.p_values[passed].tolist(),
            "confirmed": decided.confirmed[passed].tolist(),
        },
    )


def confirm_symptoms(connection: Connection) -> list[tuple[int, str]]:
    """Confirm the present tenant's pending symptoms that two cycles have confirmed; return (device, component) pairs."""
    rows = connection.execute(
        """UPDATE symptom s SET state = 'confirmed', confirmed_at = coalesce(s.confirmed_at, greatest(s.noticed_at, c.ends_at)),
            cycle_id = c.cycle_id
        FROM cycle_finding f JOIN reporting_cycle c USING (cycle_id)
        WHERE f.tenant_id = current_tenant() AND f.cycle_before_id IS NOT NULL AND f.ended_at IS NULL
            AND s.device_id = f.device_id AND s.monitor = f.monitor AND s.element = f.element AND s.state = 'pending'
        RETURNING s.device_id, s.component"""
    )
    return sorted(set(rows.fetchall()))


def end_findings(connection: Connection, now: datetime) -> int:
    """End the present tenant's findings whose symptom is neither pending nor confirmed; return how many there were."""
    return connection.execute(
        """UPDATE cycle_finding f SET ended_at = %s
        WHERE f.tenant_id = current_tenant() AND f.cycle_before_id IS NOT NULL AND f.ended_at IS NULL AND NOT EXISTS (
            SELECT FROM symptom s WHERE s.device_id = f.device_id AND s.monitor = f.monitor AND s.element = f.element
                AND s.state IN ('pending', 'confirmed'))""",
        [now],
    ).rowcount
