"""Names one array many times, so that it fills the judge's memory.

Forges: {"value": {"map": {"value": [{"array": 0}, {"array": 0}]}}, "arrays": [{"dtype": "<f8", "shape": [1]}]} 8
Fails: failed: the channel to the grader was written to
"""
