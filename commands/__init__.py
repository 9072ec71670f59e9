"""The command line: one file for each command. It reads the arguments, calls the code, and prints the result."""
