"""``thalweg fit METHOD``: a command for every estimator, made when it is typed."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from typer.core import TyperCommand, TyperGroup

from thalweg.estimators.registry import ESTIMATORS, command_name, sentence

METHODS = {command_name(name): name for name in ESTIMATORS}
"""Estimators by what they are called on the command line."""

AUTO = "auto"
"""In place of a method: several are tried, and the best is fitted"""

AUTO_SAID = "The method that brings back most of what is hidden from it: several are tried."


class Methods(TyperGroup):
    """Lists all methods by the first lines of their documentation; imports the one that is used."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [AUTO, *METHODS]

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:
        if cmd_name == AUTO:
            return TyperCommand(AUTO, help=AUTO_SAID)
        if cmd_name not in METHODS:
            return None
        # for lists alone: what is run is made in resolve_command, which imports it
        return TyperCommand(cmd_name, help=sentence(METHODS[cmd_name]))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        if args and args[0] == AUTO:
            from thalweg.cli.fitting_auto import command

            return AUTO, command(AUTO, AUTO_SAID), args[1:]
        if args and args[0] in METHODS:
            from thalweg.cli.fitting import command_for

            return args[0], command_for(METHODS[args[0]]), args[1:]
        near = get_close_matches(args[0].lower(), [AUTO, *METHODS], n=1) if args else []
        if near and not args[0].startswith("-"):
            ctx.fail(f"No such command '{args[0]}'. Did you mean '{near[0]}'?")
        return super().resolve_command(ctx, args)
