"""Numbers too small for the usual precision, taken for zero only where that was asked for."""

from __future__ import annotations

import platform
import sys
from threading import Event, Thread

import numpy as np
import pytest

from vagent.tools.denormals import as_zero

TINY = np.full(64, 1e-39, np.float32)  # the smallest number of usual precision is about 1.2e-38
known = pytest.mark.skipif(sys.platform != "linux" or platform.machine() != "x86_64", reason="left as it is here")


def kept() -> bool:
    return bool((TINY * np.float32(0.5) > 0).all())


@known
def test_they_are_zero_inside_and_themselves_again_outside() -> None:
    assert kept()
    with as_zero():
        assert not kept()
        with as_zero():
            assert not kept()
        assert not kept()
    assert kept()


@known
def test_an_error_ends_it_too() -> None:
    with pytest.raises(ValueError, match="broken"), as_zero():
        raise ValueError("broken")
    assert kept()


def test_other_threads_and_other_numbers_are_left_alone() -> None:
    found: list[bool] = []
    now = Event()
    thread = Thread(target=lambda: found.append(now.wait(10) and kept()))
    thread.start()
    numbers = np.arange(1, 9, dtype=np.float32)
    whole = np.sqrt(numbers) / 3
    with as_zero():
        inside = np.sqrt(numbers) / 3
        now.set()
        thread.join()
    assert np.array_equal(inside, whole)
    assert found == [True]
