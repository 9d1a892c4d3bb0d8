"""The desk's own health: figures for a monitoring system, alarms, readiness, and the doors through which they are seen."""
