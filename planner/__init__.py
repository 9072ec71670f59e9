"""The planner: from measured times to the hardware that a cohort needs (`residency plan`).

Time in its simulation is in minutes. 0.0 is Monday, 00:00 UTC. Memory is in bytes.
"""
