"""Memory that was freed leaves the process."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping

import pytest

SCRIPT = """
import ctypes, sys
from pathlib import Path
from vagent.tools.heap import steady

def resident():
    line = next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmRSS"))
    return int(line.split()[1]) // 1024

done = steady()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]

def block(size):
    place = libc.malloc(size)
    ctypes.memset(place, 1, size)
    return place

libc.free(block(31 << 20))  # after this glibc takes blocks of up to 31 MB from its heap
before = resident()
libc.free(block(30 << 20))
print(done, resident() - before)
"""

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is set")


def run(environment: Mapping[str, str]) -> tuple[str, int]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    told = subprocess.run(
        [sys.executable, "-c", SCRIPT], env={**clean, **environment}, capture_output=True, text=True, check=True
    )
    done, grown = told.stdout.split()
    return done, int(grown)


@glibc
def test_large_blocks_that_are_freed_leave_the_process() -> None:
    done, grown = run({})
    assert done == "True"
    assert grown < 10


@glibc
def test_what_the_user_has_set_stays() -> None:
    done, grown = run({"MALLOC_MMAP_THRESHOLD_": str(31 << 20), "MALLOC_TRIM_THRESHOLD_": str(64 << 20)})
    assert done == "False"
    assert grown >= 25
