"""A single tree is fast, and has learned little.

Fails: five thousand rows
Fails: eight thousand rows
Fails: one row in thirty is positive
Fails: rows in the order of their class
Fails: a time in seconds
"""

TREES, LEAF = 1, 20
