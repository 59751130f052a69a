"""Questions and evidence in different languages: what can be matched all the same, and a word about the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from vagent.agent.evidence.draft import Draft
from vagent.agent.evidence.shelf import Shelf
from vagent.agent.language.gloss import kin
from vagent.agent.language.tongues import NAMES
from vagent.agent.question.plan import Plan, Task


def fitted(plan: Plan, shelf: Shelf) -> Plan:
    """The plan with the words that can stand in this evidence: of a question in another language its names, numbers and
    words that both languages share."""
    plan = replace(plan, held=plan.language if plan.language in shelf.languages else shelf.language)
    if not differs(plan, shelf):
        return plan
    akin: dict[str, str] = {}
    for word in shelf.rarity.words:
        akin.setdefault(kin(word), word)
    found = (word if word.isdigit() or shelf.rarity.known(word) else _akin(word, akin) for word in plan.words)
    return replace(plan, words=tuple(dict.fromkeys(word for word in found if word)))


def _akin(word: str, known: Mapping[str, str]) -> str | None:
    """The evidence's own form of a word that two languages share; short words are alike by chance."""
    return known.get(kin(word)) if len(word) >= _SHARED else None


def noticed(plan: Plan, shelf: Shelf, draft: Draft) -> Draft:
    """The draft of a fitted plan, with a word on what could be compared where the languages differ."""
    if not differs(plan, shelf) or shelf.multilingual or draft.file:
        return draft
    asked, held = NAMES.get(plan.language, plan.language), NAMES.get(shelf.language, shelf.language)
    notice = (
        f"The question seems to be in {asked}, what was indexed in {held}; no embedding is in use that compares meaning"
        " across languages, so only names, numbers and shared words were. Ask in the other language, or set"
        " embeddings.model to a multilingual model."
    )
    if draft.text and not plan.words and not plan.quoted and plan.task not in _BY_PLACE:
        # Nothing of the question stands there but the type of its answer, which proves nothing.
        missing = "What was indexed could not be compared with the question."
        return Draft(missing=missing, leads=draft.quotes or draft.leads, probability=0.1, notice=notice)
    return replace(draft, notice=notice, probability=min(draft.probability, _MOST))


def differs(plan: Plan, shelf: Shelf) -> bool:
    """Whether question and evidence are in different languages, as far as their words tell."""
    return bool(shelf.all_lines) and plan.language not in shelf.languages


_SHARED = 5  # letters of a word that two languages may share, at least
_BY_PLACE: frozenset[Task] = frozenset({"edge", "at_time", "whole", "slide", "file"})
_MOST = 0.5  # most that an answer across languages can be sure of without a multilingual embedding
