"""Sends a question where the lab offers no service.

Forges: {"value": {"map": {"ask": 1, "name": {"map": {}}, "arguments": []}}, "arrays": []} 0
Fails: failed: the channel to the grader was written to
"""
