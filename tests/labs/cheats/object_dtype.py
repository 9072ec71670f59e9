"""Sends an array of Python objects: its bytes would be pointers.

Forges: {"value": {"map": {"value": {"array": 0}}}, "arrays": [{"dtype": "|O", "shape": [1]}]} 8
Fails: failed: the channel to the grader was written to
"""
