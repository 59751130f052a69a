from __future__ import annotations

import subprocess
import sys

import pytest

from vagent.agent import light


def ran(script: str) -> str:
    """What a new process prints; imports are the world's, so nothing of it can be tried in this one."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


LIGHTLY = "import sys; from vagent.agent.light import put_off; put_off(); import langgraph.graph; "


def test_langgraph_is_imported_without_what_it_does_not_need() -> None:
    script = (
        LIGHTLY
        + "print([n for n in ('langsmith.types.run', 'langgraph_sdk.client', 'websockets') if n in sys.modules])"
    )
    assert ran(script) == "[]"


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        ("import langsmith.types; print(langsmith.types.Run.__module__)", "langsmith.types.run"),
        ("from langsmith.types import Run; import langsmith.types.run as r; print(Run is r.Run)", "True"),
        ("from langsmith.types import *; print(Run.__name__)", "Run"),
        ("import langgraph_sdk; print(callable(langgraph_sdk.get_client))", "True"),
        ("import langgraph_sdk; from importlib.metadata import version\n"
         "print(langgraph_sdk.__version__ == version('langgraph-sdk'))", "True"),
        ("import langgraph_sdk; print(hasattr(langgraph_sdk, 'no_such_thing'), type(langgraph_sdk).__name__)",
         "False module"),
        ("import langgraph_sdk, langgraph_sdk.auth.types as before; langgraph_sdk.get_client\n"
         "import langgraph_sdk.auth.types as after; print(before is after is langgraph_sdk.auth.types)", "True"),
    ],
)  # fmt: skip
def test_whoever_uses_the_packages_finds_them_whole(use: str, expected: str) -> None:
    assert ran(LIGHTLY + use) == expected


def test_threads_that_ask_at_once_find_them_whole() -> None:
    script = (
        LIGHTLY + "import langgraph_sdk\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(8) as pool:\n"
        "    found = set(pool.map(lambda _: langgraph_sdk.get_client, range(8)))\nprint(len(found))"
    )
    assert ran(script) == "1"


def test_what_was_imported_before_stays_as_it_is() -> None:
    script = "import langgraph_sdk as before; " + LIGHTLY + "import langgraph_sdk; print(before is langgraph_sdk)"
    assert ran(script) == "True"


def test_another_version_without_such_packages_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("no_such_package", "no_such_package.types", "json.decoder", "langsmith.no_such_module")
    monkeypatch.setattr(light, "UNUSED", names)
    before = set(sys.modules)
    light.put_off()
    assert not {name for name in set(sys.modules) - before if name in names}
