"""Whether sound that is heard now is that of an old film, tenth of a second by tenth.

Of the old film its loudness is kept ten times a second. Here the sound itself is at hand, so its loudness is taken at
the very tenths that the old one's was. Then an encoder changes it by a level or two (a level is 0.4 decibels); that of
other sound is off by ten at some tenth of every four seconds, however it is shifted.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from vagent.index.sync.prints import LEVEL_STEP, Print, power_levels
from vagent.tools.speech import RATE
from vagent.tools.time import Span

_HOP = 160  # samples whose power is held together: a hundredth of a second
_HELD = 45.0  # seconds that are held
_TENTH = round(LEVEL_STEP * RATE / _HOP)
_STEP = _HOP / RATE
_LEAST = 2.5  # seconds that have to be known on both sides
_TELLING = 8.0  # standard deviation of levels from which there is more than a hum
_FLOOR, _DEPTH = 50.0, 75.0  # levels of silence, and below the loudest tenth, under which all is an encoder's noise
_MEAN, _MOST = 2.0, 10.0  # levels by which the tenths may differ on average, and each
_GAIN = 25.0  # levels by which all may be louder or softer


class Ears:
    """Remembers the last seconds of what was heard.

    Args:
        start: time of the first sample that will be fed, seconds from the video's start.
    """

    def __init__(self, start: float) -> None:
        self._start = start
        self._powers: deque[NDArray[np.float64]] = deque()
        self._count = 0
        self._rest = np.zeros(0, np.int16)

    def feed(self, samples: NDArray[np.int16]) -> None:
        """Hear what follows."""
        together = np.concatenate([self._rest, samples])
        whole = len(together) // _HOP * _HOP
        self._rest = together[whole:]
        power = np.square(together[:whole].reshape(-1, _HOP).astype(np.float64)).mean(axis=1)
        self._powers.append(power)
        self._count += len(power)
        while self._count - len(self._powers[0]) > _HELD / _STEP:
            gone = len(self._powers.popleft())
            self._count -= gone
            self._start += gone * _STEP

    def offset(self, stretch: Span, old: Print, guess: float, slack: float) -> float | None:
        """The offset at which a stretch sounds as an old film; None where that is not proved.

        Args:
            stretch: seconds, as they are counted here; the last ones that were fed.
            old: levels of the old film.
            guess, slack: seconds by which it is later here, and by which that may be wrong.
        """
        powers = np.concatenate([np.zeros(1), *self._powers]).cumsum()
        tried = guess + np.arange(-slack, slack + _STEP / 2, _STEP)
        found = [(away, float(offset)) for offset in tried if (away := self._away(powers, stretch, old, float(offset)))]
        if not found:
            return None
        (mean, most, gain), best = min(found)
        return best if mean <= _MEAN and most <= _MOST and gain <= _GAIN else None

    def _away(
        self, powers: NDArray[np.float64], stretch: Span, old: Print, offset: float
    ) -> tuple[float, float, float] | None:
        """By how many levels all tenths differ on average, the worst one, and by how many all are louder or softer."""
        start = max(stretch.start, self._start) - offset
        end = min(stretch.end, self._start + self._count * _STEP) - offset
        first = max(0, int(np.ceil((start - old.start) / old.step)))
        last = min(len(old.values), int((end - old.start) / old.step))
        if (last - first) * old.step < _LEAST:
            return None
        numbers = np.arange(first, last)
        begins = np.round((old.start + numbers * old.step + offset - self._start) / _STEP).astype(int)
        inside = (begins >= 0) & (begins + _TENTH < len(powers))
        before = old.values[numbers[inside]].astype(np.float64)
        heard = power_levels((powers[begins[inside] + _TENTH] - powers[begins[inside]]) / _TENTH)
        if len(before) * old.step < _LEAST or before.std() < _TELLING:
            return None
        floor = max(_FLOOR, float(before.max()) - _DEPTH)
        gain = float(np.median((heard - before)[before > floor]))
        away = np.abs(np.maximum(heard - gain, floor) - np.maximum(before, floor))
        return float(away.mean()), float(away.max()), abs(gain)
