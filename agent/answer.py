"""The checked draft as an ``Answer``: words, citations, coverage; or the honest word that it is not there."""

from __future__ import annotations

from vagent.agent import reach
from vagent.agent.check import confidence
from vagent.agent.evidence.draft import Draft, Quote
from vagent.agent.evidence.phrases import at, coverage_in_words, says, searched_in_words
from vagent.agent.evidence.shelf import Shelf
from vagent.agent.records import Answer, Citation, Covered, Searched
from vagent.agent.routes.choices import letters, without_label
from vagent.agent.state import Context, State, Turn
from vagent.tools.safe import safe
from vagent.tools.time import Span


def compose(state: State, context: Context) -> Answer:
    """The answer of a question whose draft was checked."""
    shelf, draft, chosen = context.shelf(state), state["draft"], state.get("chosen")
    searched = _searched(state, context)
    options = state.get("choices", ())
    if chosen is not None:
        quotes = tuple(dict.fromkeys((*chosen.quotes, *draft.quotes)))[:5]
        option = safe(without_label(options[chosen.position]))
        proof = says(chosen.quotes[0]) if chosen.quotes else draft.text
        text, answered = reach.with_films(f"{option}. {proof}", quotes, shelf, state.get("among", 1)), True
        probability = confidence(chosen.probability, chosen.quotes)
        choice: str | None = letters(options)[chosen.position]
    else:
        quotes, choice = draft.quotes, None
        answered = bool(draft.text) and not options
        text = (
            draft.text if answered else _not_answered(draft, searched, shelf, bool(options), state.get("problem", ""))
        )
        probability = draft.probability
        if answered:
            # What is counted or denied is only so as far as was gone through.
            covered = coverage_in_words(draft.coverage) if draft.coverage else ""
            counted = draft.spans or [(q.video, q.span) for q in quotes if draft.value is not None]
            text = reach.with_films(text, quotes, shelf, state.get("among", 1), counted)
            text = " ".join(filter(None, (text, covered, draft.notice)))
    citations = _citations(draft, quotes, shelf) if answered else ()
    return Answer(
        question=state["asked"],
        understood=state["question"],
        text=text,
        answered=answered,
        choice=choice,
        confidence=probability,
        citations=citations,
        searched=searched,
        coverage=tuple(Covered(shelf.video(c.video).path, c.span, c.kind, c.every, c.gaps) for c in draft.coverage),
        steps=tuple(state.get("steps", [])),
        engines=_engines(context, shelf, state.get("gone", False)),
        leads=() if answered else tuple(_citation(q, shelf) for q in (draft.quotes or draft.leads)[:3]),
    )


def turn(state: State, given: Answer) -> Turn:
    """What a chat remembers of a question."""
    draft, chosen = state["draft"], state.get("chosen")
    quotes = (*(chosen.quotes if chosen else ()), *draft.quotes) or draft.leads
    spans = dict.fromkeys([*((q.video, q.span) for q in quotes), *draft.spans])
    return Turn(state["asked"], state["question"], given.text, given.answered, draft.short, tuple(spans), given.choice)


def _engines(context: Context, shelf: Shelf, gone: bool) -> dict[str, str]:
    """What took part: the driver, the answerer, the models of the question, and what made the evidence."""
    choice, _ = context.index.engines.get("embeddings")
    named = {
        "driver": f"{context.driver.name}, then rules" if gone else context.driver.name,
        "answerer": "extractive",
        "embeddings": choice.name,
        "videollm": "off" if context.videollm is None else context.videollm.name,
        "chat": "off" if context.chat is None else safe(context.chat.revision),
    }
    made: dict[str, list[str]] = {}
    for line in shelf.all_lines:
        if line.evidence.engine and line.evidence.engine not in made.setdefault(line.evidence.kind, []):
            made[line.evidence.kind].append(line.evidence.engine)
    return named | {kind: safe(", ".join(sorted(engines))) for kind, engines in made.items()}


def _citations(draft: Draft, quotes: tuple[Quote, ...], shelf: Shelf) -> tuple[Citation, ...]:
    found = [_citation(q, shelf) for q in quotes]
    if draft.file:
        path = shelf.video(shelf.numbers[0]).path
        found.append(Citation(path, Span(0.0, 0.0), "file", safe(draft.text)))
    if draft.looked:
        found += [
            Citation(shelf.video(v).path, span, "visual", safe(draft.short or ""), span.middle)
            for v, span in draft.spans
        ]
    return tuple(found)


def _citation(quote: Quote, shelf: Shelf) -> Citation:
    span = shelf.clamp(quote.span)
    frame = span.middle if quote.kind == "screen_text" else None
    return Citation(shelf.video(quote.video).path, span, quote.kind, quote.text, frame, quote.weak)


def _searched(state: State, context: Context) -> tuple[Searched, ...]:
    covered = context.index.searched(state["videos"], state.get("start"), state.get("end"))
    return tuple(Searched(c.video.path, c.span, tuple(c.kinds)) for c in covered)


def _not_answered(draft: Draft, searched: tuple[Searched, ...], shelf: Shelf, options: bool, problem: str) -> str:
    parts = [draft.missing or "No option is supported by what was indexed." if options or not draft.text else ""]
    if options and draft.text:
        parts = ["What was found does not tell the options apart."]
    if not any(one.kinds for one in searched):
        parts = ["Nothing that could answer this has been indexed."]
    parts += [problem, draft.notice, searched_in_words(searched)]
    if draft.leads or draft.quotes:
        nearest = (draft.quotes or draft.leads)[0]
        film = shelf.video(nearest.video).path if len(searched) > 1 else None
        parts.append(f"The nearest found, which does not answer it: {_plain(nearest, film)}")
    return " ".join(dict.fromkeys(part for part in parts if part))


def _plain(quote: Quote, film: str | None) -> str:
    said = says(quote, film)
    return said[0].lower() + said[1:] if said else at(quote.span)
