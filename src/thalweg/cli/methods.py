"""``thalweg fit METHOD``: a command for every estimator, made when it is typed."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup

from thalweg.estimators.registry import ESTIMATORS, command_name, sentence

METHODS = {command_name(name): name for name in ESTIMATORS}
"""Estimators by what they are called on the command line."""


class Methods(TyperGroup):
    """Lists all methods by the first lines of their documentation; imports the one that is used."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(METHODS)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:
        if cmd_name not in METHODS:
            return None
        return TyperCommand(cmd_name, help=sentence(METHODS[cmd_name]))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        if args and args[0] in METHODS:
            from thalweg.cli.fitting import command_for

            return args[0], command_for(METHODS[args[0]]), args[1:]
        return super().resolve_command(ctx, args)
