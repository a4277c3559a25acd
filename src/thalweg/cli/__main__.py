"""``python -m thalweg.cli``."""

from thalweg.cli.command import main

main()
