"""The option `--ray [ADDRESS]`, whose value may be left out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

if TYPE_CHECKING:
    from collections.abc import Iterator

_ADDRESS = re.compile(r"auto|local|ray://\S+|[\w.-]+:\d+|\[[0-9a-fA-F:]+\]:\d+")

RayOption = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="[ADDRESS]",
        help="Index on the nodes of a Ray cluster: HOST:PORT, or auto. Default: the setting cluster.address, or this"
        " machine alone. PATH must be the same on all nodes, or a URL.",
    ),
]


class RayCommand(TyperCommand):
    """A command whose option `--ray` takes the next argument only where that is the address of a cluster."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As every command does, with the value that is left out written as an empty one."""
        return super().parse_args(ctx, list(_with_values(args)))


def _with_values(args: list[str]) -> Iterator[str]:
    literally = False
    for number, argument in enumerate(args):
        literally = literally or argument == "--"
        following = args[number + 1] if number + 1 < len(args) else ""
        if argument == "--ray" and not literally and not _ADDRESS.fullmatch(following):
            yield "--ray="
        else:
            yield argument
