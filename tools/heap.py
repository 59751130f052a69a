"""How glibc gives out memory: set so that a process that indexes for hours stays as small as it was after minutes."""

from __future__ import annotations

import ctypes
import os
import platform
from functools import cache

_TRIM, _MMAP = -1, -3  # of mallopt, from glibc's malloc.h
_LARGE = 4 << 20  # bytes from which a block is mapped by itself, and leaves the process as soon as it is freed
_TOP = 16 << 20  # bytes free at the heap's end from which they are given back
_THEIRS = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")


@cache
def steady() -> bool:
    """Have large blocks given back to the system when they are freed; once a process, and only with glibc.

    By itself glibc takes the largest block that was ever freed, up to 32 MB, for the limit below which blocks come from
    its heaps. The intermediate results of text recognition are of that size and come in ever other shapes; the holes
    that they leave are hardly filled again. Indexing an hour of boards of text at 480 x 270, the process grew from 450
    MB after ten minutes to 516 MB; with a fixed limit it has 285 MB all the time. What is needed again and again has to
    be kept by whoever needs it (``tools.text.network``): having it from the system anew costs as much as a network.

    Returns:
        Whether that was done: not where the user has set how memory is given out, nor with another C library.
    """
    if platform.libc_ver()[0] != "glibc" or any(name in os.environ for name in _THEIRS):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_MMAP, _LARGE) and mallopt(_TRIM, _TOP))
