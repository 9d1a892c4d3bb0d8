"""Tests of `gateway.notices`."""
