from __future__ import annotations

import inspect

from vagent import errors
from vagent.errors import SettingsError, SourceError, VagentError


def test_a_message_says_what_value_allowed_and_next() -> None:
    error = SettingsError("unknown preset", "fast", allowed=["quick", "deep"], hint="see `vagent config default`")
    assert str(error) == "unknown preset: 'fast'; allowed: quick, deep; see `vagent config default`"


def test_a_message_is_one_line_whatever_the_value() -> None:
    message = str(SourceError("no such file", "a\nb\x1b[31m" + "x" * 500, hint="line\nbreak"))
    assert "\n" not in message
    assert "\x1b" not in message
    assert len(message) < 220


def test_the_tree_is_drawn_as_it_is() -> None:
    tree = inspect.getdoc(errors)
    classes = {
        name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, VagentError)
    }
    assert classes == set(errors.__all__)
    assert tree is not None
    assert all(name in tree for name in classes)
