"""Conditions let through what they shall, and nothing else."""

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pytest import MonkeyPatch

from vagent.index.vectors import conditions as module
from vagent.index.vectors.conditions import conditions


def through(condition: str, number: int) -> bool:
    """What Milvus makes of a condition, where it is one of ours."""
    if condition.startswith("id in "):
        return number in map(int, re.findall(r"\d+", condition))
    spans = re.findall(r"\(id >= (\d+) and id <= (\d+)\)", condition)
    assert condition == " or ".join(f"(id >= {first} and id <= {last})" for first, last in spans)
    return any(int(first) <= number <= int(last) for first, last in spans)


@given(st.sets(st.integers(1, 60)))
def test_each_id_passes_one_condition_and_no_other_id_any(ids: set[int]) -> None:
    with MonkeyPatch.context() as patch:
        patch.setattr(module, "_RUNS", 2)
        patch.setattr(module, "_SINGLES", 3)
        made = list(conditions("id", np.array(sorted(ids), np.int64)))
    assert [sum(through(one, number) for one in made) for number in range(70)] == [int(n in ids) for n in range(70)]


def test_the_rows_of_a_video_are_one_range() -> None:
    assert list(conditions("evidence", np.arange(500, 1000))) == ["(evidence >= 500 and evidence <= 999)"]
    assert list(conditions("evidence", np.array([3, 4, 9]))) == ["evidence in [3, 4, 9]"]
    assert list(conditions("evidence", np.array([], np.int64))) == []
