"""What several looks come to: where they agree, what they make of options, and whether a second look confirms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vagent.agent.evidence.draft import Draft
from vagent.agent.evidence.phrases import at
from vagent.agent.evidence.support import ENOUGH
from vagent.agent.language.words import content
from vagent.agent.look import Seen
from vagent.agent.question.plan import Plan
from vagent.agent.routes.choices import Chosen
from vagent.tools.safe import quoted

_APART = 0.1  # lead in probability that the likeliest option needs
_SUREST = 0.9  # nothing that rests on looks alone is more confident than this
_AGREE = 0.5  # share of content words that two looks must have in common to agree
_SINGLE = 0.5  # probability of what one look saw
_CONFIRMED = 0.2  # what a second look that agrees adds, and one that does not takes away


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the first looks agree on.

    Attributes:
        share: of the looks that saw something, those that agree.
        second: the second look at the same place; None where there was none.
        confirmed: whether it agrees; None where there was none.
    """

    seen: Seen
    share: float
    looks: int
    second: Seen | None
    confirmed: bool | None

    @property
    def probability(self) -> float:
        """How probable it is that what was seen is so: from agreement alone, never from what a model claims."""
        base = 0.35 + 0.4 * self.share if self.looks > 1 else _SINGLE
        if self.confirmed is None:
            return base
        return min(_SUREST, base + _CONFIRMED) if self.confirmed else max(min(base, ENOUGH), base - _CONFIRMED)


def verdict(looks: Sequence[Seen]) -> Verdict | None:
    """What the first looks agree on and whether a second one confirms it; None where nothing was seen."""
    said = [look for look in looks if look.text and not look.again]
    if not said:
        return None
    bags = [set(content(look.text, frame=True)) for look in said]
    votes = [sum(_alike(a, b) for b in bags) for a in bags]
    best = max(range(len(said)), key=lambda i: (votes[i], -i))
    second = next(
        (x for x in looks if x.again and x.video == said[best].video and x.span.touches(said[best].span)), None
    )
    confirmed = None if second is None else agree(said[best].text, second.text)
    return Verdict(said[best], votes[best] / len(said), len(said), second, confirmed)


def with_looks(draft: Draft, plan: Plan, looks: Sequence[Seen]) -> Draft:
    """What independent looks agree on answers what the words in the evidence do not."""
    found = verdict(looks)
    if found is None or (draft.text and not plan.visual) or found.probability < ENOUGH:
        return draft
    seen = found.seen
    text = f"{seen.text} (seen at {at(seen.span)})"
    if found.second is not None and not found.confirmed:
        other = f"saw {quoted(found.second.text)}" if found.second.text else "did not see it"
        text += f" A second look, asked in other words, {other}."
    return Draft(text, seen.text, (), found.probability, leads=draft.leads, spans=((seen.video, seen.span),),
                 looked=True)  # fmt: skip


def seen_to_be(looks: Sequence[Seen], draft: Draft, chosen: Chosen | None) -> tuple[Chosen | None, Draft]:
    """The option that the looks make most probable, and the look that shows it best; else what was chosen before."""
    found = likeliest(looks)
    if found is None:
        return chosen, draft
    position, probability, seen = found
    shown = Draft(f"Seen at {at(seen.span)}", seen.text or None, (), probability, leads=draft.leads,
                  spans=((seen.video, seen.span),), looked=True)  # fmt: skip
    return Chosen(position, probability), shown


def likeliest(looks: Sequence[Seen]) -> tuple[int, float, Seen] | None:
    """The option that looks make most probable: its position, its probability, and the look that is surest of it.

    None where nobody judged the options, or where the best two are too close to tell. Looks that saw nothing of what
    was asked do not count, unless none saw anything.
    """
    judged = [look for look in looks if look.options and look.text] or [look for look in looks if look.options]
    if not judged:
        return None
    means = [sum(column) / len(judged) for column in zip(*(look.options for look in judged), strict=True)]
    first, second = sorted(means, reverse=True)[:2] if len(means) > 1 else (means[0], 0.0)
    if first - second < _APART:
        return None
    best = means.index(first)
    return best, min(first, _SUREST), max(judged, key=lambda look: look.options[best])


def agree(one: str, other: str) -> bool:
    """Whether two looks say the same: most content words of the shorter one stand in the other."""
    return _alike(set(content(one, frame=True)), set(content(other, frame=True)), empty=False)


def unconfirmed(draft: Draft, looks: Sequence[Seen]) -> Seen | None:
    """The look that an answer rests on and that no second look has gone over yet; None where there is none."""
    if not draft.looked or not draft.spans:
        return None
    video, span = draft.spans[0]
    first = [x for x in looks if not x.again and x.video == video and x.span.touches(span) and (x.text or x.options)]
    again = any(x.again and x.video == video and x.span.touches(span) for x in looks)
    return first[0] if first and not again else None


def _alike(one: set[str], other: set[str], *, empty: bool = True) -> bool:
    smaller = min(len(one), len(other))
    return empty if smaller == 0 else len(one & other) / smaller >= _AGREE
