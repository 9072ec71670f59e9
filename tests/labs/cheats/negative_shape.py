"""Sends an array with a negative length.

Forges: {"value": {"map": {"value": {"array": 0}}}, "arrays": [{"dtype": "<f8", "shape": [-1]}]} 8
Fails: failed: the channel to the grader was written to
"""
