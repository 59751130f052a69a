"""The languages that Whisper writes, and which of them a video is in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vagent.tools import languages

CODES = tuple(
    """
en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur hr bg lt
la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn yo so af oc
ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su yue
""".split()
)
"""Whisper's own codes; Cantonese (``yue``) came with large-v3."""

_ITS_OWN = {"jv": "jw", "jav": "jw", "nn": "nn", "nno": "nn", "zh-hk": "yue"}
_ENOUGH = 30.0  # seconds of speech after which a video's language counts as known: what Whisper itself listens to
_AGAIN = 300.0  # seconds of speech after which it is asked for again: a song may come first


def code(language: str | None) -> str | None:
    """Whisper's code for a language in whatever edition of ISO 639; None where it has none."""
    tidied = languages.tidy(language)
    if tidied is None:
        return None
    first = tidied.replace("_", "-")
    own = _ITS_OWN.get(first) or _ITS_OWN.get(first.split("-")[0])
    return own or next((one for one in CODES if languages.same(one, tidied)), None)


class Votes:
    """Which language one video is in, by majority of what was heard of it.

    Each stretch of speech that was listened to votes with its seconds. After half a minute the language is settled;
    every five minutes of speech one stretch more is asked, so that a song at the beginning does not decide over a film.

    Args:
        state: what ``state`` was when an earlier run stopped.
    """

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        state = state or {}
        self._votes: dict[str, float] = dict(state.get("votes", {}))
        self._asked = float(state.get("asked", 0.0))
        self._heard = float(state.get("heard", 0.0))

    @property
    def state(self) -> dict[str, Any]:
        """All that has to be kept, as JSON values."""
        votes = {language: round(seconds, 3) for language, seconds in self._votes.items()}
        return {"votes": votes, "asked": round(self._asked, 3), "heard": round(self._heard, 3)}

    @property
    def due(self) -> bool:
        """Whether the next stretch should be asked for its language."""
        return self._asked < _ENOUGH or self._heard >= _AGAIN

    def add(self, chances: Mapping[str, float], seconds: float) -> None:
        """A stretch of so many seconds was asked."""
        for language, chance in chances.items():
            if chance >= 0.01:
                self._votes[language] = self._votes.get(language, 0.0) + chance * seconds
        self._asked += seconds
        self._heard = 0.0

    def passed(self, seconds: float) -> None:
        """So many seconds of speech went by without being asked."""
        self._heard += seconds

    @property
    def winner(self) -> str | None:
        """The language with most votes; None before the first."""
        return max(self._votes, key=lambda language: self._votes[language]) if self._votes else None
