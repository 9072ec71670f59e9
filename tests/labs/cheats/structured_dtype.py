"""Sends an array whose type hides objects in a field.

Forges: {"value": {"map": {"value": {"array": 0}}}, "arrays": [{"dtype": "O,i8", "shape": [1]}]} 16
Fails: failed: the channel to the grader was written to
"""
