"""Cannot be read as Python.

Appended: fares = lambda kilometres: (
Fails: failed: SyntaxError in line HERE, while it was imported
"""
# here
