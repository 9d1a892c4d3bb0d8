"""Calibration: from how abnormal a device looks to how rarely a healthy one looks like that, and what a fleet may report."""
