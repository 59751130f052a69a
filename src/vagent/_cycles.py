"""When a command looks for cycles of objects that nobody needs any more.

What it imports stays until it ends, and is a quarter of a million objects. To look through these, again and again while
they come and once more at the end, is a fifth of the time that a short command takes.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable

_SHORT = frozenset({"ask", "search", "list", "show"})  # commands that are over in a second or two as a rule


def run(program: Callable[[], None]) -> None:
    """Run a program that ends its process; in a short command no cycle is looked for until ``lasting``."""
    if _SHORT.intersection(sys.argv[1:2]):
        gc.disable()
    try:
        program()
    finally:
        gc.freeze()


def lasting() -> None:
    """The command may take long from here on; what is there by now will stay."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
