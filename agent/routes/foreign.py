"""Questions and evidence in different languages: what can be matched all the same, and a word about the rest."""

from __future__ import annotations

from dataclasses import replace

from vagent.agent.evidence.draft import Draft
from vagent.agent.evidence.shelf import Shelf
from vagent.agent.language.gloss import tongue_of
from vagent.agent.language.tongues import NAMES
from vagent.agent.question.plan import Plan


def fitted(plan: Plan, shelf: Shelf) -> Plan:
    """The plan with the words that can stand in this evidence: of a question in another language its names, numbers and
    words that both languages share."""
    if not differs(plan, shelf):
        return plan
    return replace(plan, words=tuple(word for word in plan.words if word.isdigit() or shelf.rarity.known(word)))


def noticed(plan: Plan, shelf: Shelf, draft: Draft) -> Draft:
    """The draft with a word on what the embedding can compare, where question and evidence differ in language."""
    if not differs(plan, shelf) or shelf.multilingual or draft.file:
        return draft
    asked, held = NAMES.get(plan.language, plan.language), NAMES.get(shelf.language, shelf.language)
    notice = (
        f"The question seems to be in {asked}, what was indexed in {held}; no embedding is in use that compares meaning"
        " across languages, so only names, numbers and shared words were. Ask in the other language, or set"
        " embeddings.model to a multilingual model."
    )
    missing = f"{draft.missing} {notice}" if draft.missing and not draft.text else draft.missing
    return replace(draft, notice=notice, missing=missing, probability=min(draft.probability, _MOST))


def differs(plan: Plan, shelf: Shelf) -> bool:
    """Whether question and evidence are in different languages, as far as their words tell."""
    return plan.language != shelf.language and (tongue_of(plan.language) or tongue_of(shelf.language)) is not None


_MOST = 0.6  # most that an answer across languages can be sure of without a multilingual embedding
