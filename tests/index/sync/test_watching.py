"""A look that others have to do waits for them, but not before they were ever there."""

from __future__ import annotations

from pathlib import Path

import pytest

from vagent.errors import EngineUnavailable
from vagent.index.sync.watching import Patient
from vagent.index.video.pipeline import Report

AWAY = EngineUnavailable("the Ray cluster cannot be used")


def test_whoever_was_never_there_is_not_waited_for() -> None:
    def look(folder: Path) -> list[Report]:
        raise AWAY

    with pytest.raises(EngineUnavailable):
        Patient(look)(Path("films"))


def test_whoever_goes_is_waited_for() -> None:
    done = [Report("films/one.mkv", "indexed")]
    answers: list[list[Report] | EngineUnavailable] = [done, AWAY, AWAY, done]

    def look(folder: Path) -> list[Report]:
        answer = answers.pop(0)
        if isinstance(answer, EngineUnavailable):
            raise answer
        return answer

    patient = Patient(look)
    assert patient(Path("films")) == done
    for _ in range(2):
        (waiting,) = patient(Path("films"))
        assert (waiting.path, waiting.status, waiting.error) == ("films", "waiting", AWAY), "it is looked at again soon"
    assert patient(Path("films")) == done
