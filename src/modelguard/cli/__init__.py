"""The command line: the only rooms that print or exit. One file per command."""
