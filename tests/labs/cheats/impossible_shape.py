"""Sends an array without elements, in a shape that is beyond NumPy.

Forges: {"value": {"map": {"value": {"array": 0}}}, "arrays": [{"dtype": "<f8", "shape": [0, 549755813888, 549755813888]}]} 0
Fails: failed: the channel to the grader was written to
"""
