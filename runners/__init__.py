"""The runners: they plan a run, start the worker processes, and record what happens."""
