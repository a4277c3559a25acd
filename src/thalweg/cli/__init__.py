"""The command line: one verb a question."""

from thalweg.cli.command import main

__all__ = ["main"]
