"""Tests of the benchmarks: small runs that must hold what the large ones measure."""
