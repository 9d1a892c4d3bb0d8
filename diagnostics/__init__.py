"""Diagnosis: readings to symptoms to ranked hypotheses. Pure: no input or output, no clock, no chance."""
