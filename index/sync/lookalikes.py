"""Finds the video of the library that a new file is another encoding of."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from vagent.configs import Settings
from vagent.errors import VagentError
from vagent.index.records import Video
from vagent.index.store import Store
from vagent.index.sync.matching import (
    Match,
    match,
    proves_alone,
    rates,
    sound_offset,
    sounds_alike,
)
from vagent.index.sync.prints import Print
from vagent.index.sync.proposals import Likeness
from vagent.index.sync.refining import by_cuts
from vagent.index.sync.sampling import Looks, looks, loudness
from vagent.index.sync.stretches import Known, same_stretches
from vagent.index.sync.verifying import Verdict, verify_pictures, verify_sound
from vagent.tools.media import MediaInfo, Track
from vagent.tools.media.probe import pick
from vagent.tools.time import Span, format_time

_log = logging.getLogger("vagent.index.sync.lookalikes")

SHORTEST = 10.0
"""Seconds of the shortest file that is compared: to index a shorter one costs less than to be wrong about it."""

_TOGETHER = 64  # videos whose prints are in memory at once
_FILMS = 3  # films that one is compared with piece by piece
_NAMED = 3  # stretches that differ that are told
_SNAP = 0.02  # seconds below which an offset is none: half a frame


@dataclass(frozen=True, slots=True)
class Found:
    """What a new file has to do with the videos of the library.

    Attributes:
        like: the film it is; None where it is none of them.
        related: in words, the film that it shares many pictures with without being it.
        known: where it is none of them, the stretches that it shares with some.
    """

    like: Likeness | None = None
    related: str | None = None
    known: Sequence[Known] = ()


@dataclass(slots=True)
class Lookalikes:
    """Compares new files with the videos that are indexed completely.

    Args:
        store: the library's database.
        settings: the settings in force.
    """

    store: Store
    settings: Settings

    def find(self, info: MediaInfo) -> Found:
        """What a file is another encoding of. Takes a moment where nothing in the library is about as long, else
        seconds.

        Raises:
            LibraryError: the library cannot be read.
        """
        sampled = self._sampled(info)
        return Found() if sampled is None else self._compare(info, *sampled)

    def stretches(self, info: MediaInfo) -> Sequence[Known]:
        """The stretches that a file shares with videos of about its length, whether or not it is one of them.

        Raises:
            LibraryError: the library cannot be read.
        """
        sampled = self._sampled(info)
        return () if sampled is None else self._stretches(info, sampled[0], self._matches(info, *sampled))

    def _sampled(self, info: MediaInfo) -> tuple[Looks, dict[int, Video]] | None:
        """Pictures of a file, and what it may be; None where there is nothing to compare."""
        track = pick(info, "video", index=self.settings.media.video_track)
        if track is None or info.duration is None or info.duration < SHORTEST:
            return None
        videos = self._candidates(info.duration)
        if not videos:
            return None
        try:
            return looks(info, track, self.settings), videos
        except VagentError as error:  # indexing meets the same, and says so
            _log.info("no samples of %s: %s", info.path, error)
            return None

    def _candidates(self, duration: float) -> dict[int, Video]:
        """The videos that a file of this length can be, those whose files are missing first."""
        printed = self.store.printed("pictures")
        videos = [v for v in self.store.videos() if v.complete and v.id in printed and rates(duration, v.duration)]
        return {video.id: video for video in sorted(videos, key=lambda video: (video.missing is None, video.id))}

    def _matches(self, info: MediaInfo, seen: Looks, videos: dict[int, Video]) -> list[tuple[Video, Match]]:
        """The videos that have something to do with a file, the likeliest first."""
        assert info.duration is not None
        matches = [
            (video, found)
            for video, stored in self._prints(videos)
            if (found := match(seen, info.duration, stored, video.duration)) is not None
        ]
        return sorted(matches, key=lambda pair: (not pair[1].whole, pair[0].missing is None, -pair[1].share))

    def _stretches(self, info: MediaInfo, seen: Looks, matches: Sequence[tuple[Video, Match]]) -> Sequence[Known]:
        assert info.duration is not None
        films = {video.id: video for video, _ in matches[:_FILMS]}
        return [
            Known(video.fingerprint, offset, span)
            for video, stored in self._prints(films)
            for offset, span in same_stretches(seen, info.duration, stored)
        ]

    def _compare(self, info: MediaInfo, seen: Looks, videos: dict[int, Video]) -> Found:
        matches = self._matches(info, seen, videos)
        related = None
        for video, found in matches:
            like = self._confirmed(info, video, found) if found.whole else None
            if isinstance(like, Likeness):
                return Found(like)
            why = f", but {like}" if like else ""
            related = related or f"{found.share:.0%} of its pictures are those of {video.path}{why}: another cut of it?"
        return Found(None, related, self._stretches(info, seen, matches))

    def _prints(self, videos: dict[int, Video]) -> Iterator[tuple[Video, Print]]:
        numbers = list(videos)
        for first in range(0, len(numbers), _TOGETHER):
            found = self.store.prints_of("pictures", numbers[first : first + _TOGETHER])
            for number in numbers[first : first + _TOGETHER]:
                if number in found:
                    yield videos[number], Print.from_bytes("pictures", found[number])

    def _confirmed(self, info: MediaInfo, video: Video, found: Match) -> Likeness | str:
        """Whether the sound agrees with the pictures, all the way, and the exact offset; or where they are apart. A
        film dubbed is another: what is said in it was indexed."""
        sounds = self._sound(info, video, found)
        if sounds is not None and not sounds_alike(sounds[1]):
            _log.info("%s looks like %s, but sounds otherwise (%.2f)", info.path, video.path, sounds[1])
            return "it sounds otherwise"
        guess = found if sounds is None else found.moved(sounds[0])
        cuts = [shot.span.start for shot in self.store.shots(video.id) if shot.start_kind == "cut"]
        cut = by_cuts(info, self.settings, cuts, guess)
        exact = guess if cut is None else guess.moved(cut)
        seen = self._verified(info, video, exact, sure=cut is not None or sounds is not None)
        if seen.apart:
            return f"it is another from {_listed(seen.apart)}"
        if sounds is None and not proves_alone(seen.share, seen.scenes):
            return "its pictures alone do not prove more"
        offset = 0.0 if found.rate == 1.0 and abs(exact.offset) < _SNAP else exact.offset
        sound = None if sounds is None else round(sounds[1], 3)
        return Likeness(video.id, found.rate, round(offset, 3), round(seen.share, 3), sound)

    def _verified(self, info: MediaInfo, video: Video, found: Match, *, sure: bool) -> Verdict:
        """A close look at all of both films."""
        track = pick(info, "video", index=self.settings.media.video_track)
        assert track is not None
        stored = Print.from_bytes("pictures", self.store.prints_of("pictures", [video.id])[video.id])
        seen = verify_pictures(info, track, self.settings, stored, found, exact=sure)
        sound, levels = self._heard(info, video)
        if seen.apart or sound is None or levels is None:
            return seen
        return replace(seen, apart=verify_sound(info, sound, self.settings, levels, found))

    def _heard(self, info: MediaInfo, video: Video) -> tuple[Track | None, Print | None]:
        """The track of the new file's sound, and the levels of the video's."""
        media = self.settings.media
        track = pick(info, "audio", index=media.audio_track, language=media.audio_language)
        stored = self.store.prints_of("loudness", [video.id]).get(video.id)
        return track, None if stored is None else Print.from_bytes("loudness", stored)

    def _sound(self, info: MediaInfo, video: Video, found: Match) -> tuple[float, float] | None:
        """Where the sound of the video is found in the file, and how alike it is; None where there is too little."""
        track, stored = self._heard(info, video)
        if (track is None) != (stored is None):
            return found.offset, -math.inf  # one of them is silent
        if track is None or stored is None:
            return None
        return sound_offset(loudness(info, track, self.settings), stored, found)


def _listed(spans: Sequence[Span]) -> str:
    told = [f"{format_time(span.start)} to {format_time(span.end)}" for span in spans[:_NAMED]]
    more = len(spans) - len(told)
    return ", ".join(told) + (f" and in {more} more places" if more else "")
