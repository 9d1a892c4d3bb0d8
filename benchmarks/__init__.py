"""Measurements of the desk: each is a program that says how far it is, prints a table, and ends with one line of JSON.

They compare within one run (ratios, equality, growth), for seconds say little of another machine. No test times anything.
"""
