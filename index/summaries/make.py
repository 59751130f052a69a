"""The summaries of one video as rows of evidence: its scenes, its chapters, and the whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from vagent.index.records import Evidence, Kind, Video
from vagent.index.summaries.extract import central
from vagent.index.summaries.grounds import support
from vagent.index.summaries.material import Material
from vagent.index.summaries.outline import Chapter, outline
from vagent.index.summaries.sentences import Label, Sentence, Sentences
from vagent.index.summaries.titles import Embed, titles
from vagent.index.summaries.writer import ROOM, Writer, Written, lines
from vagent.tools.safe import quoted
from vagent.tools.time import Span, format_time

METHOD = "extractive 1"
"""What stands as engine beside a summary made of quotes; the number grows when the method changes."""

Level = Literal["scene", "chapter", "video"]

_SENTENCES: Mapping[Level, int] = {"scene": 2, "chapter": 3, "video": 5}
_THINGS = 6  # names of things or sounds that are told of where there is nothing else
_LONG = 240  # characters of one quote, at most
_ROWS = 12  # rows of evidence that a summary points to, at most
_PLACES: Mapping[Kind, str] = {"screen_text": "on screen: ", "caption": "seen: "}
_SENSES: Mapping[Kind, str] = {"objects": "Detected", "sound": "Heard"}


def make(
    video: Video,
    material: Material,
    marks: Sequence[Mapping[str, Any]],
    words: int,
    embed: Embed | None,
    writer: Writer | None,
) -> list[Evidence]:
    """Rows of kind ``summary``, the whole video first, then each chapter with its scenes.

    Args:
        marks: chapters that the file marks: ``start`` in seconds, ``title``.
        words: longest summary.
        embed: gives unit vectors of texts.
        writer: writes summaries with a chat model; None: they quote what is central.
    """
    if not material.sentences and not material.labels:
        return []
    return _Maker(video, material, words, embed, writer).rows(outline(material, marks))


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of the video with what was made of it."""

    span: Span
    title: str
    quotes: Sentences
    written: Written | None = None


class _Maker:
    def __init__(
        self, video: Video, material: Material, words: int, embed: Embed | None, writer: Writer | None
    ) -> None:
        self._video = video
        self._material = material
        self._words = words
        self._embed = embed
        self._writer = writer
        self._everywhere = material.sentences.counted()

    def rows(self, chapters: Sequence[Chapter]) -> list[Evidence]:
        parts, found = [], []
        within = [self._material.within(chapter.span) for chapter in chapters]
        names = titles(within, [chapter.span for chapter in chapters], self._embed)
        for chapter, sentences, name in zip(chapters, within, names, strict=True):
            part, scenes = self._chapter(chapter, sentences, name)
            parts.append(part)
            found.append(self._row("chapter", part))
            found += [self._row("scene", scene) for scene in scenes] if len(scenes) > 1 else []
        whole = self._row("video", self._whole(parts))
        if self._writer is not None and self._writer.notices:
            whole = replace(whole, extra={**whole.extra, "notice": "; ".join(self._writer.notices)})
        return [whole, *found]

    def _chapter(self, chapter: Chapter, sentences: Sentences, name: str) -> tuple[_Part, list[_Part]]:
        """A chapter and its scenes. A model sums up the chapter's lines; where they are too many for one call, it sums
        up each scene, and then the scenes."""
        within = [self._material.within(span, sentences) for span in chapter.scenes]
        names = titles(within, chapter.scenes, self._embed)
        scenes = [
            _Part(span, title, self._central(held, "scene", self._words // 2))
            for span, title, held in zip(chapter.scenes, names, within, strict=True)
        ]
        written = None
        if self._writer is not None and len(lines(sentences)) <= ROOM:
            written = self._writer.of_lines(chapter.span, sentences)
        elif self._writer is not None:
            scenes = [self._told(self._writer, scene) for scene in scenes]
            told = [(scene.span, scene.written) for scene in scenes if scene.written]
            written = self._writer.of_parts(chapter.span, told, "one chapter of a video")
        name = (written.title if written else "") or name
        title = f"{chapter.title}: {name}" if chapter.bare and chapter.title and name else chapter.title or name
        return _Part(chapter.span, title, self._central(sentences, "chapter", self._words), written), scenes

    def _told(self, writer: Writer, scene: _Part) -> _Part:
        written = writer.of_lines(scene.span, _room(self._material.within(scene.span)))
        return replace(scene, title=written.title or scene.title, written=written) if written else scene

    def _central(self, sentences: Sentences, level: Level, words: int) -> Sentences:
        return central(sentences, self._everywhere, _SENTENCES[level], words)

    def _whole(self, parts: Sequence[_Part]) -> _Part:
        span = Span(0.0, self._material.duration)
        candidates = self._material.sentences[:0].with_those_of([part.quotes for part in parts])
        quotes = self._central(candidates, "video", self._words)
        (title,) = titles([self._material.within(span)], [span], self._embed)
        written = parts[0].written if len(parts) == 1 else None
        told = [(part.span, part.written) for part in parts if part.written]
        if self._writer is not None and len(parts) > 1 and told:
            written = self._writer.of_parts(span, told, "a video")
        return _Part(span, (written.title if written else "") or title, quotes, written)

    def _row(self, level: Level, part: _Part) -> Evidence:
        material = part.quotes
        if part.written and self._writer is not None:
            material = self._material.within(part.span)
            text, engine = part.written.text, self._writer.model.revision
            grounds = support(text, material, _ROWS) or part.quotes
        else:
            text, engine, grounds = _quotation(part.quotes), METHOD, part.quotes
        rows = [row for sentence in grounds for row in sentence.rows]
        labels = [] if text and material else self._material.labels.during(part.span)
        if not text:
            text, rows = _things(labels)
        weak = _mostly_weak(material) if material else bool(labels) and all(label.weak for label in labels)
        return Evidence(
            video=self._video.id,
            span=part.span,
            kind="summary",
            text=text,
            weak=weak,
            engine=engine,
            extra={"level": level, "title": part.title, "from": list(dict.fromkeys(rows))[:_ROWS]},
        )


def _quotation(sentences: Sequence[Sentence]) -> str:
    """Sentences as quotes with their times."""
    return " ".join(f"{format_time(s.span.start)} {_PLACES.get(s.kind, '')}{quoted(s.text, _LONG)}" for s in sentences)


def _things(labels: Sequence[Label]) -> tuple[str, list[int]]:
    """What was seen and heard, where nothing was said or written; and the first row of each."""
    told, rows = [], []
    for kind, sense in _SENSES.items():
        held = [label for label in labels if label.kind == kind]
        common = Counter(label.text for label in held).most_common(_THINGS)
        told += [f"{sense}: {', '.join(name for name, _ in common)}."] if common else []
        rows += [next(label.row for label in held if label.text == name) for name, _ in common]
    return " ".join(told), rows


def _mostly_weak(sentences: Sentences) -> bool:
    return bool(2 * sentences.lengths[sentences.weak].sum() > sentences.lengths.sum())


def _room(sentences: Sentences) -> Sentences:
    """As many sentences as fit into one call, evenly spread."""
    step = -(-len(lines(sentences)) // ROOM)
    return sentences[:: max(1, step)]
