"""Questions about a whole video, a long stretch of it, or its chapters: answered from the summaries in the library.

A summary says where to look; what the answer rests on are quotes of the evidence that the summary points to.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

from vagent.agent.evidence.draft import Draft, Quote, quote
from vagent.agent.evidence.phrases import listed, says, stopped
from vagent.agent.evidence.shelf import Line, Shelf
from vagent.agent.language.words import NUMBERS, ORDINALS, Bag, content
from vagent.agent.question import patterns
from vagent.agent.question.plan import Plan
from vagent.index.records import SPOKEN, Evidence
from vagent.tools.safe import safe
from vagent.tools.time import Span, format_time

_QUOTES = 5  # quotes that stand for one video, at most
_FEW = 2  # ... where there are several videos
_CITED = 12  # citations of one answer, at most
_LONG = 240  # characters of one quote that comes from several lines
_UNTITLED = "(nothing said or written)"
_EXTRACTIVE = re.compile(r"^extractive\b")  # engine of summaries that quote
_ABOUT = 0.6  # part of the weight of some words that a title or summary holds where it is about them
_INSIDE = 0.2  # part of a chapter, or of a shorter stretch, that both share where the chapter belongs to the stretch
_PROBABILITY = 0.5  # there are many right summaries, and nothing tells which was wanted
_NONE = "No speech, subtitles or on-screen text were found, so there is nothing to sum up."


def draft(plan: Plan, shelf: Shelf) -> Draft:
    """What the videos are about, or what one stretch of them holds; with their chapters."""
    if (asked := patterns.CHAPTER.search(plan.framed)) and (missing := _lacking(asked, shelf)):
        return Draft(missing=missing)
    many = len(shelf.numbers) > 1
    told = [(video, *_told(plan, shelf, video, many)) for video in shelf.numbers]
    quotes = [q for _, _, found, _ in told for q in found]
    if not quotes:
        return Draft(missing=_NONE)
    text = "\n".join(f"{_name(shelf, video)}: {said}" if many else said for video, said, _, _ in told if said)
    notice = " ".join(dict.fromkeys(stopped(notice) for *_, notice in told if notice))
    return Draft(text, None, tuple(quotes[:_CITED]), _PROBABILITY, notice=notice)


def chapters(plan: Plan, shelf: Shelf) -> Draft:
    """The chapters of the videos with their times and titles, each with a quote from it."""
    many, texts, quotes, names, spans = len(shelf.numbers) > 1, [], [], [], []
    for video in shelf.numbers:
        held = [row for row in _of(shelf, video, "chapter") if _belongs(row.span, _stretch(plan, shelf, video))]
        if not held:
            continue
        count = f"{len(held)} chapter{'' if len(held) == 1 else 's'}"
        texts.append(f"{_name(shelf, video)}: {count}:" if many else f"{count[0].upper()}{count[1:]}:")
        texts += [_entry(row) for row in held]
        names += [title for row in held if (title := _title(row)) != _UNTITLED]
        spans += [(video, row.span) for row in held]
        quotes += [found[0] for row in held if (found := _quotes(shelf, row, _stretch(plan, shelf, video)))]
    if not quotes:
        return Draft(missing=_NONE)
    short = listed(names) if names else None
    return Draft("\n".join(texts), short, tuple(quotes[:_CITED]), _PROBABILITY, spans=tuple(spans), value=len(spans))


def beginning(what: str, shelf: Shelf) -> tuple[int, Span] | None:
    """The chapter, or within it the scene, that is about something: its video and stretch; None where none is.

    Args:
        what: words that say what it is about.
    """
    words = content(what, frame=True)
    best: tuple[float, int, Span] | None = None
    for video in shelf.numbers:
        for row in shelf.index.summaries(video):
            if row.extra.get("level") == "video" or not words:
                continue
            title, text = (shelf.rarity.coverage(words, Bag.of(words_of)) for words_of in (_title(row), row.text))
            score = max(title, 0.9 * text)  # what gave a part its name is what it is about
            if score >= _ABOUT and (best is None or score > best[0] + 1e-9):
                best = score, video, row.span
    return None if best is None else best[1:]


def _told(plan: Plan, shelf: Shelf, video: int, many: bool) -> tuple[str, list[Quote], str]:
    """Text, quotes and notice for one video."""
    stretch = _stretch(plan, shelf, video)
    count = _FEW if many else _QUOTES
    if stretch.duration < shelf.video(video).duration - 1.0:
        quotes = _telling(shelf, video, stretch, count)
        inside = [row for row in _of(shelf, video, "chapter") if _belongs(row.span, stretch)]
        return _joined("", quotes, [] if many else inside), quotes, ""
    rows = shelf.index.summaries(video)
    whole = next((row for row in rows if row.extra.get("level") == "video"), None)
    if whole is None:
        return "", [], ""
    quotes = _quotes(shelf, whole, stretch)[:count]
    written = "" if _EXTRACTIVE.match(whole.engine) else f"Summed up by {safe(whole.engine)}: {safe(whole.text)}"
    parts = [] if many else [row for row in rows if row.extra.get("level") == "chapter"]
    return _joined(written, quotes, parts), quotes, safe(str(whole.extra.get("notice", "")))


def _joined(written: str, quotes: Sequence[Quote], parts: Sequence[Evidence]) -> str:
    if not quotes and not written:
        return ""
    said = [written or "In its own words: " + " ".join(says(q) for q in quotes)]
    if len(parts) > 1:
        said += ["Chapters:", *(_entry(row) for row in parts)]
    return "\n".join(said)


def _entry(row: Evidence) -> str:
    return f"{format_time(row.span.start)} {_title(row)}"


def _title(row: Evidence) -> str:
    return safe(str(row.extra.get("title", ""))) or _UNTITLED


def _name(shelf: Shelf, video: int) -> str:
    return safe(PurePath(shelf.video(video).path).name)


def _of(shelf: Shelf, video: int, level: str) -> list[Evidence]:
    return [row for row in shelf.index.summaries(video) if row.extra.get("level") == level]


def _lacking(asked: re.Match[str], shelf: Shelf) -> str:
    """What is wrong where a chapter is asked for that no video has."""
    counts = [len(_of(shelf, video, "chapter")) for video in shelf.numbers]
    if any(0 <= _number(asked, count) < count for count in counts):
        return ""
    return f"There is no such chapter; there are {max(counts, default=0)}."


def _number(asked: re.Match[str], count: int) -> int:
    """The position of the chapter that is asked for, of so many; outside of them where there is none."""
    if asked["number"]:
        said = asked["number"].lower()
        return int(NUMBERS.get(said, said)) - 1
    nth = asked["nth"].lower()
    return ORDINALS[nth] - 1 if nth in ORDINALS else count - 1


def _stretch(plan: Plan, shelf: Shelf, video: int) -> Span:
    """The part of a video that is asked about."""
    duration = shelf.video(video).duration
    whole = shelf.clamp(Span(0.0, duration))
    if plan.task == "whole" and (asked := patterns.CHAPTER.search(plan.framed)):
        held = _of(shelf, video, "chapter")
        number = _number(asked, len(held))
        return held[number].span.clamp(whole) if 0 <= number < len(held) else Span(0.0, 0.0)
    return plan.hint.within(duration).clamp(whole) if plan.hint is not None and plan.hint.strict else whole


def _belongs(chapter: Span, stretch: Span) -> bool:
    """Whether a chapter is a part of what is asked about, and does not only reach into it."""
    return chapter.overlap(stretch) > _INSIDE * min(chapter.duration, stretch.duration)


def _quotes(shelf: Shelf, row: Evidence, stretch: Span) -> list[Quote]:
    """Quotes of the evidence that a summary points to, in order of time, as far as it lies in the stretch."""
    wanted = {int(number) for number in row.extra.get("from", ())}
    lines = [x for x in shelf.lines(row.video) if x.evidence.id in wanted and x.span.overlap(stretch) > 0]
    found: list[Quote] = []
    quoted: set[int] = set()
    for line in lines:
        if id(line) not in quoted:
            held = _sentence(shelf, line, wanted)
            quoted |= {id(one) for one in held}
            found.append(quote(held))
    return found


def _sentence(shelf: Shelf, line: Line, wanted: set[int]) -> list[Line]:
    """The sentence or the block of text that a line belongs to, as far as it is wanted and not too long."""
    whole = shelf.sentence(line) if line.evidence.kind in SPOKEN else shelf.block(line)
    held = [other for other in whole if other.evidence.id in wanted]
    if line.evidence.kind in SPOKEN and sum(len(other.text) for other in held) > _LONG:
        return [line]
    return held


def _telling(shelf: Shelf, video: int, stretch: Span, count: int) -> list[Quote]:
    """Quotes that stand for any stretch of a video."""
    from vagent.index.summaries import telling

    rows = shelf.index.evidence(video)
    words = shelf.index.settings.summaries.words
    found = []
    for sentence in telling(rows, shelf.video(video).duration, stretch, count, words):
        lines = [line for line in shelf.lines(video) if line.evidence.id in sentence.rows]
        found += [quote(lines)] if lines else []
    return found
