"""Whether short commands look for cycles of objects, in processes of their own: it is a matter of the whole process."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROGRAM = """
import gc, sys
from vagent import _cycles

sys.argv[1:] = {arguments!r}

def told():
    print(gc.isenabled(), gc.get_freeze_count() > 0)

def program():
    told()
    _cycles.lasting()
    told()
    {end}

try:
    _cycles.run(program)
finally:
    told()
"""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ask", "film.mp4", "Who pays?"], "False False, True True, True True"),
        (["search", "a bill"], "False False, True True, True True"),
        (["index", "ask"], "True False, True False, True True"),
        ([], "True False, True False, True True"),
    ],
)
@pytest.mark.parametrize("end", ["pass", "raise SystemExit(0)"])
def test_a_short_command_looks_for_none_until_it_takes_long(arguments: list[str], said: str, end: str) -> None:
    program = _PROGRAM.format(arguments=arguments, end=end)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ", ".join(done.stdout.split("\n")[:-1]) == said


def test_the_command_is_run_that_way() -> None:
    program = (
        "import sys; sys.argv = ['vagent', 'show']\nfrom vagent import cli\nimport gc\n"
        "cli.main = lambda: print(gc.isenabled())\ncli.program()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_from_the_first_step_of_a_question_they_are_looked_for() -> None:
    program = (
        "import gc\nfrom vagent import _steps\nfrom vagent.agent.records import Started\ngc.disable()\n"
        "steps = _steps._begun([Started('search', {})])\nprint(gc.isenabled())\nnext(steps)\nprint(gc.isenabled())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
