"""Questions of several videos: which films an answer speaks of, and how far it reaches where not all are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath

from vagent.agent.evidence.draft import Draft, Quote
from vagent.agent.evidence.phrases import at, listed, says
from vagent.agent.evidence.shelf import Shelf
from vagent.agent.question.plan import Task
from vagent.tools.safe import quoted, safe
from vagent.tools.time import Span

_PLACES = 3  # moments of one film that are listed
_NAMED = 4  # films that are named of those that were left out
_OF_ALL: frozenset[Task] = frozenset({"whole", "chapters"})  # asks of each film what it holds


def limited(draft: Draft, shelf: Shelf, videos: Sequence[int], task: Task) -> Draft:
    """The draft as it may be said of some videos: evidence is read of no more than a few of them, those that search
    found, or the first ones where nothing was searched for.

    "No" and "nowhere" cannot be told of films that were not gone through, and whoever asks about all of them is told
    which were, and how to hear of the rest.

    Args:
        videos: those that were asked, by row number.
        task: what was asked of them.
    """
    left = [video for video in videos if video not in shelf.numbers]
    if not left:
        return draft
    read = len(shelf.numbers)
    first = task in _OF_ALL and shelf.numbers == tuple(videos[:read])
    which = f"first {read}" if first else f"{read} that search found best"
    told = f"Of {len(videos)} videos the {which} were gone through."
    if draft.absent:
        return Draft(missing=f"{draft.text} {told}", leads=draft.leads, coverage=draft.coverage)
    if task in _OF_ALL and draft.text:
        names = [_name(shelf, video) for video in left[:_NAMED]]
        more = [f"{len(left) - _NAMED} more"] if len(left) > _NAMED else []
        told += (
            f" Left out: {listed([*names, *more])}; to hear of these, name one in the question, or choose some"
            " (--title, --path, --year, --language)."
        )
    elif not draft.coverage:
        return draft
    return replace(draft, notice=" ".join(filter(None, (draft.notice, told))))


def with_films(
    text: str, quotes: Sequence[Quote], shelf: Shelf, among: int, spans: Sequence[tuple[int, Span]] = ()
) -> str:
    """A text that says of each quote which film it is from, where there is more than one.

    Args:
        among: how many videos were asked.
        spans: (video, stretch) of all that the text counts.
    """
    if among < 2:
        return text
    for quote in quotes:
        said = says(quote)
        if said in text and f"{quoted(_name(shelf, quote.video))}: {said}" not in text:
            text = text.replace(said, says(quote, shelf.video(quote.video).path), 1)
    films = dict.fromkeys(quote.video for quote in quotes)
    counted: dict[int, list[Span]] = {}
    for video, span in spans:
        counted.setdefault(video, []).append(span)
    if len(counted) > 1:
        told = [f"{_name(shelf, video)} at {_times(found)}" for video, found in counted.items()]
        return f"{text} In {listed(told)}."
    missing = [video for video in films if _name(shelf, video) not in text]
    if missing and missing[0] == next(iter(films)):
        text = f"In {_name(shelf, missing[0])}: {text}"
    return text


def _times(spans: Sequence[Span]) -> str:
    more = f" and {len(spans) - _PLACES} more" if len(spans) > _PLACES else ""
    return listed([at(span) for span in spans[:_PLACES]]) + more


def _name(shelf: Shelf, video: int) -> str:
    return safe(PurePath(shelf.video(video).path.replace("\\", "/")).name)
