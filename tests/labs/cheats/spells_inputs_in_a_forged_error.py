"""Tells a hidden input by the name and the line of an exception that it forges.

Forges: {"value": {"map": {"error": {"map": {"type": "X123456789", "file": "work.py", "line": 123456}}}}, "arrays": []} 0
Fails: failed: an exception, during a call
Never: 123
"""
