"""Sends a frame that is no message at all.

Forges: {"value": 5, "arrays": []} 0
Fails: failed: the channel to the grader was written to
"""
