"""Finds the video of the library that a new file is another encoding of."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from vagent.configs import Settings
from vagent.errors import VagentError
from vagent.index.records import Video
from vagent.index.store import Store
from vagent.index.sync import speeds
from vagent.index.sync.matching import Match, matches, proves_alone, rates, sound_offset, sounds_alike
from vagent.index.sync.prints import Levels, Print
from vagent.index.sync.proposals import Likeness
from vagent.index.sync.refining import CUTS, by_cuts, cuts_found
from vagent.index.sync.sampling import Looks, heard, looks, loudness
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


@dataclass(frozen=True)
class _New:
    """A new file, and what was sampled of it. What is heard of it is read when it is asked for, and once."""

    info: MediaInfo
    settings: Settings
    track: Track
    duration: float
    seen: Looks

    @cached_property
    def sound(self) -> Track | None:
        media = self.settings.media
        return pick(self.info, "audio", index=media.audio_track, language=media.audio_language)

    @cached_property
    def loudness(self) -> list[tuple[float, Levels]]:
        """Stretches of its sound."""
        return [] if self.sound is None else loudness(self.info, self.sound, self.settings)

    @cached_property
    def levels(self) -> Levels:
        """All of its sound."""
        assert self.sound is not None
        return heard(self.info, self.sound, self.settings, 0.0, self.duration + 1.0)


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
        return Found() if sampled is None else self._compare(*sampled)

    def stretches(self, info: MediaInfo) -> Sequence[Known]:
        """The stretches that a file shares with videos of about its length, whether or not it is one of them.

        Raises:
            LibraryError: the library cannot be read.
        """
        sampled = self._sampled(info)
        return () if sampled is None else self._stretches(sampled[0], self._matches(*sampled))

    def _sampled(self, info: MediaInfo) -> tuple[_New, dict[int, Video]] | None:
        """Pictures of a file, and what it may be; None where there is nothing to compare."""
        track = pick(info, "video", index=self.settings.media.video_track)
        if track is None or info.duration is None or info.duration < SHORTEST:
            return None
        videos = self._candidates(info.duration)
        if not videos:
            return None
        try:
            return _New(info, self.settings, track, info.duration, looks(info, track, self.settings)), videos
        except VagentError as error:  # indexing meets the same, and says so
            _log.info("no samples of %s: %s", info.path, error)
            return None

    def _candidates(self, duration: float) -> dict[int, Video]:
        """The videos that a file of this length can be, those whose files are missing first."""
        printed = self.store.printed("pictures")
        videos = [v for v in self.store.videos() if v.complete and v.id in printed and rates(duration, v.duration)]
        return {video.id: video for video in sorted(videos, key=lambda video: (video.missing is None, video.id))}

    def _matches(self, new: _New, videos: dict[int, Video]) -> list[tuple[Video, list[Match]]]:
        """The videos that have something to do with a file, the likeliest first, and how it may lie over each."""
        laid = [
            (video, found)
            for video, stored in self._prints(videos)
            if (found := matches(new.seen, new.duration, stored, video.duration))
        ]
        return sorted(laid, key=lambda pair: (not pair[1][0].whole, pair[0].missing is None, -pair[1][0].share))

    def _stretches(self, new: _New, laid: Sequence[tuple[Video, Sequence[Match]]]) -> Sequence[Known]:
        films = {video.id: video for video, _ in laid[:_FILMS]}
        return [
            Known(video.fingerprint, offset, span)
            for video, stored in self._prints(films)
            for offset, span in same_stretches(new.seen, new.duration, stored)
        ]

    def _compare(self, new: _New, videos: dict[int, Video]) -> Found:
        laid = self._matches(new, videos)
        related = None
        for video, ways in laid:
            told = ""
            for found in ways:
                like = self._confirmed(new, video, found) if found.whole else ""
                if isinstance(like, Likeness):
                    return Found(like)
                told = told or like
            why = f", but {told}" if told else ""
            share = f"{ways[0].share:.0%} of its pictures are those of {video.path}"
            related = related or f"{share}{why}: another cut of it?"
        return Found(None, related, self._stretches(new, laid))

    def _prints(self, videos: dict[int, Video]) -> Iterator[tuple[Video, Print]]:
        numbers = list(videos)
        for first in range(0, len(numbers), _TOGETHER):
            found = self.store.prints_of("pictures", numbers[first : first + _TOGETHER])
            for number in numbers[first : first + _TOGETHER]:
                if number in found:
                    yield videos[number], Print.from_bytes("pictures", found[number])

    def _confirmed(self, new: _New, video: Video, found: Match) -> Likeness | str:
        """Whether the sound agrees with the pictures, all the way, and the exact offset; or where they are apart. A
        film dubbed is another: what is said in it was indexed."""
        stored = self._loudness(video)
        if (new.sound is None) != (stored is None):
            return "one of them is silent"
        sounds = None if stored is None else sound_offset(new.loudness, stored, found)
        if sounds is not None and not sounds_alike(sounds[1]):
            _log.info("%s looks like %s, but sounds otherwise (%.2f)", new.info.path, video.path, sounds[1])
            return "it sounds otherwise"
        guess = found if sounds is None else found.moved(sounds[0])
        old = [shot.span.start for shot in self.store.shots(video.id) if shot.start_kind == "cut"]
        usual = found.rate == 1.0
        cuts = cuts_found(new.info, self.settings, old, guess, CUTS if usual else speeds.CUTS)
        cut = by_cuts(cuts, guess)
        exact = guess if cut is None else guess.moved(cut)
        if not usual and not _keeps_speed(new, stored, exact, cuts):
            return "nothing proves that it runs at another speed all along"
        if usual and sounds is None and self._in_pieces(new, old, exact):
            return "its cuts lie elsewhere"
        seen = self._verified(new, video, stored, exact, sure=cut is not None or sounds is not None)
        if seen.apart:
            return f"it is another from {_listed(seen.apart)}"
        if sounds is None and not proves_alone(seen.share, seen.scenes):
            return "its pictures alone do not prove more"
        offset = 0.0 if usual and abs(exact.offset) < _SNAP else exact.offset
        sound = None if sounds is None else round(sounds[1], 3)
        return Likeness(video.id, found.rate, round(offset, 3), round(seen.share, 3), sound)

    def _in_pieces(self, new: _New, old: Sequence[float], found: Match) -> bool:
        return speeds.in_pieces(cuts_found(new.info, self.settings, old, found, speeds.CUTS, far=True))

    def _verified(self, new: _New, video: Video, heard: Print | None, found: Match, *, sure: bool) -> Verdict:
        """A close look at all of both films."""
        stored = Print.from_bytes("pictures", self.store.prints_of("pictures", [video.id])[video.id])
        seen = verify_pictures(new.info, new.track, self.settings, stored, found, exact=sure)
        if seen.apart or heard is None:
            return seen
        return replace(seen, apart=verify_sound(new.levels, heard, found))

    def _loudness(self, video: Video) -> Print | None:
        """The levels of a video."""
        stored = self.store.prints_of("loudness", [video.id]).get(video.id)
        return None if stored is None else Print.from_bytes("loudness", stored)


def _keeps_speed(new: _New, stored: Print | None, found: Match, cuts: Sequence[tuple[float, float]]) -> bool:
    """Whether another speed is proved, by the sound, or by the cuts where that tells nothing."""
    heard = None if stored is None else speeds.by_sound(new.levels, stored, found)
    return bool(speeds.by_cuts(cuts, found, new.duration) if heard is None else heard)


def _listed(spans: Sequence[Span]) -> str:
    told = [f"{format_time(span.start)} to {format_time(span.end)}" for span in spans[:_NAMED]]
    more = len(spans) - len(told)
    return ", ".join(told) + (f" and in {more} more places" if more else "")
