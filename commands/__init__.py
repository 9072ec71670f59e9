"""The command line: one file a command, which reads what was typed, calls, and prints."""
