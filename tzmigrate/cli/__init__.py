"""The command line: parse, call, hand the result to reporting, exit."""

from tzmigrate.cli.entry import main

__all__ = ["main"]
