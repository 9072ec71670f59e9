"""Imports the project, whose labs hold the solution.

Fails: failed: ModuleNotFoundError in line HERE, while it was imported
"""

from residency.labs import catalogue  # here

fares = catalogue
