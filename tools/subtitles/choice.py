"""Which subtitles to take, and whether they are good enough to do without speech recognition."""

from __future__ import annotations

from dataclasses import dataclass

from vagent.configs import SubtitleSettings
from vagent.errors import SettingsError
from vagent.tools import languages
from vagent.tools.media import MediaInfo, Track
from vagent.tools.subtitles import embedded, sidecar
from vagent.tools.subtitles.cues import Subtitles
from vagent.tools.time import Span

_SPARSE = 0.2  # a track with less than this part of the cues of another in its language is signs, not dialogue


@dataclass(frozen=True, slots=True)
class Found:
    """Subtitles of a video.

    Attributes:
        chosen: what to use, or None.
        others: what else there is, in words.
        problems: notices: what could not be read and why.
    """

    chosen: Subtitles | None
    others: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Candidate:
    subtitles: Subtitles
    default: bool = False
    commentary: bool = False
    beside: bool = False  # a file, not a track
    odd: bool = False


def find(info: MediaInfo, settings: SubtitleSettings, audio_language: str | None = None) -> Found:
    """Read the subtitles in and beside a video, and choose.

    The track asked for, else by language (the setting's, the audio's, English), full before SDH, tracks before files.
    Forced subtitles and commentaries are never chosen by themselves.

    Raises:
        SettingsError: the track asked for is not a text track.
        SourceError, MediaError: the file cannot be opened any more.
    """
    if not settings.use:
        return Found(None)
    tracks = [t for t in info.of("subtitle") if not t.bitmap]
    if settings.track is not None and settings.track not in {t.index for t in tracks}:
        allowed = [f"{t.index} ({_words(t.codec, t.language)})" for t in tracks]
        raise SettingsError("no such text track", settings.track, allowed=allowed or "none, the file has no text track")
    problems = [_bitmap(t) for t in info.of("subtitle") if t.bitmap]
    candidates, notices = _inside(info, tracks)
    beside, more = _beside(info)
    problems += notices + more
    candidates += beside
    chosen = _choose(candidates, settings, audio_language)
    others = tuple(_described(c) for c in candidates if c.subtitles is not chosen)
    return Found(chosen, others, tuple(problems))


def good(subtitles: Subtitles | None, duration: float, settings: SubtitleSettings) -> bool:
    """Whether the subtitles say what is said: they cover ``coverage`` of the video, or have ``density`` cues a minute.

    Forced subtitles never do.
    """
    if subtitles is None or subtitles.forced or not subtitles.cues:
        return False
    length = max(duration, 1.0) if duration > 0 else max(1.0, subtitles.cues[-1].span.end)
    covered, until = 0.0, 0.0
    for cue in subtitles.cues:
        shown = Span(max(cue.span.start, until), max(cue.span.end, until))
        covered += shown.duration
        until = shown.end
    return covered / length >= settings.coverage or len(subtitles.cues) / (length / 60) >= settings.density


def _inside(info: MediaInfo, tracks: list[Track]) -> tuple[list[_Candidate], list[str]]:
    if not tracks:
        return [], []
    loaded, problems = embedded.load(info, tracks)
    found = []
    for track in tracks:
        subtitles = loaded[track.index]
        if subtitles.cues:
            found.append(_Candidate(subtitles, track.default, track.commentary))
        else:
            problems.append(f"track {track.index} ({_words(track.codec, track.language)}) holds no cue")
    return found, problems


def _beside(info: MediaInfo) -> tuple[list[_Candidate], list[str]]:
    found: list[_Candidate] = []
    problems: list[str] = []
    try:
        files = sidecar.sidecars(info.path)
    except OSError as error:
        return found, [f"the folder of the video cannot be searched for subtitles: {error.strerror or error}"]
    rate = next((t.frame_rate for t in info.of("video") if t.frame_rate), None)
    for file in files:
        if file.pictures:
            problems.append(f"{file.path.name} holds pictures, not text: not supported")
            continue
        try:
            subtitles = sidecar.load(file, rate)
        except sidecar.Damaged as error:
            problems.append(f"{file.path.name} cannot be read as subtitles: {error}")
            continue
        found.append(_Candidate(subtitles, commentary=file.commentary, beside=True, odd=file.odd))
    return found, problems


def _choose(found: list[_Candidate], settings: SubtitleSettings, audio_language: str | None) -> Subtitles | None:
    if settings.track is not None:
        wanted = f"track {settings.track}"
        return next((c.subtitles for c in found if not c.beside and c.subtitles.origin == wanted), None)
    preference = [code for code in (settings.language, audio_language) if code]
    most: dict[str | None, int] = {}
    for candidate in found:
        language = candidate.subtitles.language
        most[language] = max(most.get(language, 0), len(candidate.subtitles.cues))

    def rank(candidate: _Candidate) -> tuple[float, bool, bool, bool, bool, bool]:
        subtitles = candidate.subtitles
        language = next(
            (float(n) for n, code in enumerate(preference) if languages.same(code, subtitles.language)), 9.0
        )
        if language == 9.0 and subtitles.language is None:
            language = 3.0  # a plain film.srt is most often in the language of whoever put it there
        elif language == 9.0 and languages.same("en", subtitles.language):
            language = 4.0
        sparse = len(subtitles.cues) < _SPARSE * most[subtitles.language]
        return (
            language,
            sparse,
            subtitles.hearing_impaired,
            candidate.odd,
            candidate.beside,
            not candidate.default,
        )

    full = [c for c in found if not c.subtitles.forced and not c.commentary]
    best = min(full, key=rank, default=None)
    return best.subtitles if best is not None else None


def _described(candidate: _Candidate) -> str:
    subtitles = candidate.subtitles
    marks = [
        "forced" if subtitles.forced else None,
        "SDH" if subtitles.hearing_impaired else None,
        "commentary" if candidate.commentary else None,
    ]
    return f"{subtitles.origin} ({_words(subtitles.format, subtitles.language, *marks)}, {len(subtitles.cues)} cues)"


def _bitmap(track: Track) -> str:
    return f"track {track.index} ({_words(track.codec, track.language)}) holds pictures, not text: not supported"


def _words(*parts: str | None) -> str:
    return ", ".join(part for part in parts if part)
