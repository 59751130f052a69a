"""What a chat model answers is a claim. Here it is held against the evidence that it names: it becomes a draft that
proves what it says, or is turned down with the reason.

Nothing of how sure the model says it is counts. How sure the answer is follows from how much of it stands in what is
cited, and from whether the extractive answerer, or a second look, comes to the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vagent.agent import looks, proof
from vagent.agent.check import check
from vagent.agent.evidence.draft import Draft
from vagent.agent.evidence.passages import rank
from vagent.agent.evidence.phrases import at, listed, says
from vagent.agent.evidence.quotations import quotations, stands
from vagent.agent.evidence.shelf import Line, Shelf
from vagent.agent.evidence.support import ENOUGH
from vagent.agent.language.gloss import language
from vagent.agent.language.words import tokens
from vagent.agent.look import Seen
from vagent.agent.proof import Proof
from vagent.agent.question.hints import clocks
from vagent.agent.question.plan import Task
from vagent.agent.routes.choices import Chosen, without_label
from vagent.agent.routes.foreign import differs
from vagent.agent.routes.lettered import meant
from vagent.agent.routes.options import presence
from vagent.agent.state import Claim, State
from vagent.agent.wording import LEFT_OUT, worded
from vagent.tools.safe import quoted, safe

_SURE = 0.75  # probability from which the evidence's own answer stands against a model that says otherwise
_QUOTES = 5  # citations of one answer, at most
_FOUND = 3  # rows that are cited where the model named none
_HELD = 0.5  # share of an answer's new words that must stand in what it names
_ALIKE = (0.3, 0.7)  # cosines of an answer and its evidence between which likeness of meaning begins and is full
_MEANT = 0.6  # most that likeness of meaning counts, where the words are others
_QUOTED = 0.7  # what a quotation that stands counts, at least
_OPTION = 0.6  # how surely an option's words must stand in what is named
# Of 300 rows that answer a question 4 % are less probable to, of 1800 that answer none of what is asked of them 75 %.
_OFF = 0.15
_ON_TOPIC: frozenset[Task] = frozenset({"find", "explain", "when"})  # what answers these speaks of what is asked

_BASE, _BY_WORDS, _AGREED, _FITS = 0.3, 0.4, 0.2, 0.1  # confidence of any proven claim, and what is added to it
_VALUE = 0.15  # less for each number or name that is not proven
_SUREST = 0.9
_UNLIKELY = 0.5  # most where what is cited would not count as an answer by itself
_BARE = 0.45  # where answer and evidence differ in language, so that their words cannot be compared
_LOOKED = (0.4, 0.5, 0.7)  # most where it rests on looks: a second one disagrees, there is none, it agrees
_OVERRULED = 0.6  # factor of the evidence's own answer where the model says that there is none

_ALONE = "What the chat model answered was not proven by what it named; this is what the evidence says by itself."
_NOTHING = "What the chat model answered was not proven by what it named."
_HOLDS = "The chat model found no answer, but the evidence holds one."


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of a claim.

    Attributes:
        draft, chosen: what may be said: the claim as far as it is proven, else what the evidence says by itself.
        problem: what is not proven, for the model to do better; empty where all is.
    """

    draft: Draft
    chosen: Chosen | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Case:
    """A claim with all that it is held against."""

    claim: Claim
    state: State
    shelf: Shelf
    found: Draft
    chosen: Chosen | None
    proof: Proof
    text: str
    untrue: tuple[str, ...]

    @property
    def said(self) -> str:
        """What is claimed, without what was left out."""
        return self.text.replace(LEFT_OUT, " ").strip()

    @property
    def foreign(self) -> bool:
        """Whether its words cannot stand in the evidence, because question and answer are in another language."""
        plan = self.state["plan"]
        return differs(plan, self.shelf) and (len(tokens(self.said)) <= 3 or language(self.said) == plan.language)

    @property
    def agreed(self) -> bool:
        """Whether the extractive answerer comes to the same."""
        if self.found.text and self.found.short:
            return stands(self.found.short, self.text)
        rows = {line.evidence.id for lines in self.proof.rows for line in lines}
        return bool(self.found.text) and any(rows & set(q.rows) for q in self.found.quotes)

    @property
    def unproven(self) -> list[str]:
        """Numbers and names that stand neither in what is named nor in the question, and were not counted."""
        counted = [step.result for step in self.state.get("steps", []) if step.action == "count"]
        number = str(len(self.proof.rows) + len(self.proof.looks))
        return proof.unproven(self.said, [*self.proof.texts, _asked(self.state), *counted, number])


def judge(claim: Claim, state: State, shelf: Shelf, found: Draft, chosen: Chosen | None) -> Judged:
    """The claim held against the evidence.

    Args:
        found, chosen: what the evidence and the looks say without it.
    """
    if not claim.answered:
        return _denied(found, chosen)
    case = _case(claim, state, shelf, found, chosen)
    if not case.proof and not claim.evidence and found.text and (found.file or found.absent or case.agreed):
        # Facts of the file and "no" have no label; nor has what the evidence proves though the model did not care to.
        return Judged(found, chosen)
    problem = _unfounded(case)
    if not problem and chosen is not None and chosen.position == _position(case) and not _holds_option(case):
        return Judged(found, chosen)  # right, but what proves it is something else
    if not problem:
        problem = _unproven_option(case) if state.get("choices") else _unproven(case)
    if problem:
        return Judged(*_alone(found, chosen), problem)
    draft = _draft(case)
    if not state.get("choices"):
        draft = check(draft, shelf)
        if not draft.text or draft.probability < ENOUGH:
            return Judged(*_alone(found, chosen), _too_little(case))
    return Judged(draft, _chosen(case, draft), _untrue(case))


def _denied(found: Draft, chosen: Chosen | None) -> Judged:
    """The model says that nothing answers. Small models give up soon, while the probability of the evidence's own
    answer is calibrated: one that is probable is given all the same, less sure, and it is told."""
    if found.absent and found.text:
        return Judged(found)
    if chosen is not None:
        if chosen.probability >= _SURE and chosen.quotes:
            return Judged(replace(found, notice=_HOLDS), replace(chosen, probability=chosen.probability * _OVERRULED))
    elif found.text and found.probability >= _SURE and (found.quotes or found.file):
        return Judged(replace(found, probability=found.probability * _OVERRULED, notice=_HOLDS))
    leads = found.quotes or found.leads
    return Judged(Draft(missing="Nothing that was found answers this.", leads=leads, probability=0.0))


def _alone(found: Draft, chosen: Chosen | None) -> tuple[Draft, Chosen | None]:
    """What the evidence says without the model, and a word on why the model does not speak."""
    told = found.text or chosen is not None
    return replace(found, notice=" ".join(filter(None, [found.notice, _ALONE if told else _NOTHING]))), chosen


def _case(claim: Claim, state: State, shelf: Shelf, found: Draft, chosen: Chosen | None) -> _Case:
    """The claim with the evidence that it names, and its words put right by that."""
    asked = _asked(state)
    inline = worded(claim.text, (), asked, ()).labels
    videos = [m.video for m in sorted(state.get("moments", []), key=lambda m: -m.score)]
    places = [*videos, *shelf.numbers, *state["videos"]]
    shown, seen = state.get("shown", []), state.get("looks", [])

    def resolve(labels: Sequence[str]) -> Proof:
        return proof.named(labels, shown, seen, shelf, places)

    named = resolve([*claim.evidence, *inline])
    everything = resolve([f"e{row}" for row in dict.fromkeys(shown)] + [look.label for look in seen if look.label])
    if not claim.evidence and not inline:
        named = everything.best(proof.claimed(f"{claim.text} {claim.option}", state["question"]), _FOUND)
    # What is quoted from another row that was shown is proven by that row.
    elsewhere = [
        row for _, _, words in quotations(safe(claim.text)) if not any(stands(words, text) for text in named.texts)
        for row in everything.rows if stands(words, proof.said_in(row))
    ]  # fmt: skip
    if named:
        named = replace(named, rows=tuple(dict.fromkeys([*named.rows, *elsewhere])))
    words = worded(claim.text, named.texts, asked, named.spans)
    case = _Case(claim, state, shelf, found, chosen, named, words.text, words.untrue)
    if not case.foreign:
        # What proves the option is cited, if anything does, else what proves the words.
        for said, words_of in (("", _option(case)), (case.text, f"{case.said} {_option(case)}")):
            new = proof.claimed(words_of, state["question"])
            if new and (limited := named.limited(said, new)):
                return replace(case, proof=limited)
    return case


def _asked(state: State) -> str:
    return " ".join([state["asked"], state["question"], *state.get("choices", ())])


def _option(case: _Case) -> str:
    """The words of the option that is meant, if there are options and one is."""
    position = _position(case)
    return "" if position is None else without_label(case.state["choices"][position])


def _position(case: _Case) -> int | None:
    choices = case.state.get("choices", ())
    return meant(case.claim.option or case.claim.text, choices) if choices else None


def _unfounded(case: _Case) -> str:
    """Why there is nothing that could prove the claim."""
    if not case.claim.text and not case.claim.option:
        return "it says nothing"
    if case.proof:
        return ""
    if case.proof.forged:
        return f"no evidence with the label {safe(case.proof.forged[0])[:20]} was shown to you"
    if case.proof.empty:
        return f"{case.proof.empty[0]} has no words that could prove anything; look at it"
    return "it names no evidence that proves it"


def _unproven(case: _Case) -> str:
    """What of the claim is not proven, where that is too much to give it at all."""
    new = proof.claimed(case.said, case.state["question"])
    if case.untrue and not new:
        return _untrue(case)
    if not case.said:
        return "" if case.state["plan"].task == "when" or clocks(case.claim.text) else "it says nothing"
    opposite = {"yes": "No", "no": "Yes"}.get(next(iter(tokens(case.said)), ""))
    if opposite and case.found.short == opposite and case.found.probability >= _SURE:
        return f"everything was gone through, and the evidence says {opposite.lower()}"
    if not case.foreign and _support(case) < _HELD:
        missing = [word for word in new if not proof.share([word], case.proof.texts)]
        words = f": {', '.join(missing[:6])}" if missing else ""
        return f"it says what the evidence that it names does not say{words}"
    return _off_topic(case)


def _unproven_option(case: _Case) -> str:
    """Why the option that is meant cannot be chosen."""
    position = _position(case)
    if position is None:
        return "it does not name one single option by its letter"
    sure = case.chosen is not None and case.chosen.position != position and case.chosen.probability >= _SURE
    if sure and not (_holds_option(case) and (_fit(case) or 0.0) >= ENOUGH):
        return "the evidence speaks for another option"
    if _holds_option(case):
        return _off_topic(case)
    if not proof.claimed(case.said, _asked(case.state)) and not quotations(case.text):
        return "what it names does not speak of that option; say in your answer what proves it"
    return _unproven(case)


def _holds_option(case: _Case) -> bool:
    """Whether the words of the option that is meant stand in what is named."""
    option = _option(case)
    return bool(option) and presence(option, " ".join(case.proof.texts), case.shelf) >= _OPTION


def _untrue(case: _Case) -> str:
    if not case.untrue:
        return ""
    return f"{quoted(case.untrue[0], 120)} stands in no evidence that was shown, so it cannot be quoted"


def _too_little(case: _Case) -> str:
    values = case.unproven
    if values:
        return f"the evidence that it names does not prove {listed([safe(value)[:40] for value in values[:5]])}"
    return "what it names was recognised too weakly to rest an answer on, or was not seen a second time"


def _off_topic(case: _Case) -> str:
    """Whether the rows that are named speak of something else: their own calibrated probability tells."""
    fit = _fit(case)
    if fit is None or case.foreign or case.agreed:
        return ""
    if fit < _OFF:
        return "the evidence that it names does not speak of what is asked"
    # What is probable by itself goes before what a model picked and is not.
    sure = case.found.text and case.found.quotes and case.found.probability >= _SURE and fit < ENOUGH
    return f"other evidence answers it more surely: read on at {at(case.found.quotes[0].span)}" if sure else ""


def _fit(case: _Case) -> float | None:
    """How probable it is that one of the rows that are named answers the question; None where that cannot be told."""
    plan, rows = case.state["plan"], [lines[0].evidence.id for lines in case.proof.rows]
    if plan.task not in _ON_TOPIC or case.proof.looks:
        return None
    before = {_asked_before(line, case.shelf) for lines in case.proof.rows for line in lines}
    fits = [one.support.probability for one in rank(plan, case.shelf, rows)
            if all(line.evidence.id in rows or line.evidence.id in before for line in one.passage.lines)]  # fmt: skip
    return max(fits, default=None)


def _asked_before(line: Line, shelf: Shelf) -> int | None:
    """The row that asks what this line replies to: without it a reply tells little."""
    asking = next((other for other in shelf.around(line, 1, 0) if other is not line), None)
    return asking.evidence.id if asking is not None and asking.text.rstrip("\"”'’ ").endswith("?") else None


def _support(case: _Case) -> float:
    """How much of what is said is held by what is named, 0..1: by its words, else by its meaning."""
    texts, asked = case.proof.texts, case.state["question"]
    new = proof.claimed(case.said, asked)
    if not new:  # "Yes, she does": what is asked stands there, or does not
        return max(_HELD, proof.share(case.state["plan"].words, texts))
    by_words = proof.share(new, texts)
    if any(len(tokens(words)) > 2 for _, _, words in quotations(case.text)):
        by_words = max(by_words, _QUOTED)
    if by_words >= _HELD:
        return by_words
    vectors = case.shelf.embed([case.said, *texts[:_QUOTES]])
    cosine = 0.0 if vectors is None else float(max(vectors[1:] @ vectors[0]))
    low, high = _ALIKE
    return max(by_words, _MEANT * min(1.0, max(0.0, (cosine - low) / (high - low))))


def _draft(case: _Case) -> Draft:
    """The claim as it may be said."""
    quotes = case.proof.quotes(f"{case.text} {_option(case)}", _QUOTES)
    seen = case.proof.looks
    spans = tuple((look.video, look.span) for look in seen)
    text = case.text
    if case.state["plan"].task == "when" and not seen:
        spans = tuple(dict.fromkeys((q.video, q.span) for q in quotes))
    if spans and case.state["plan"].task == "when" and not clocks(text):
        times = listed([at(span) for _, span in spans])
        text = f"{text.rstrip('.')} (at {times})." if text else f"At {times}."
    if not text:
        text = says(quotes[0]) if quotes else seen[0].text
    second = _second(case, seen)
    if second is not None and not looks.agree(seen[0].text, second.text):
        other = f"saw {quoted(second.text)}" if second.text else "did not see it"
        text += f" A second look, asked in other words, {other}."
    short = case.found.short if case.agreed else None
    return Draft(text, short, quotes, _confidence(case), leads=case.found.leads, spans=spans, looked=bool(seen),
                 notice=_notice(case))  # fmt: skip


def _notice(case: _Case) -> str:
    """What of the answer is not proven, in words."""
    told = ["A quotation was left out: it stands in no evidence."] if case.untrue else []
    if values := case.unproven:
        told.append(f"Not proven by what is cited: {listed([safe(value)[:40] for value in values[:5]])}.")
    return " ".join(told)


def _confidence(case: _Case) -> float:
    """How probable it is that the claim is right: from its evidence alone."""
    total = _BASE + _BY_WORDS * _support(case) + (_AGREED if case.agreed else 0.0)
    fit = _fit(case)
    if fit is not None and not case.agreed:
        total = total + _FITS if fit >= ENOUGH else min(total, _UNLIKELY)
    if case.foreign and not case.agreed:
        total = _BARE
    total -= _VALUE * min(2, len(case.unproven) + len(case.untrue))
    seen = case.proof.looks
    if seen and not case.proof.rows:
        second = _second(case, seen)
        agrees = None if second is None else looks.agree(seen[0].text, second.text)
        total = min(total, _LOOKED[1] if agrees is None else _LOOKED[2] if agrees else _LOOKED[0])
    return min(_SUREST, max(0.0, total))


def _second(case: _Case, seen: Sequence[Seen]) -> Seen | None:
    """The second look at what the claim rests on."""
    again = (one for one in case.state.get("looks", []) if one.again)
    return next((one for one in again if seen and one.video == seen[0].video and one.span.touches(seen[0].span)), None)


def _chosen(case: _Case, draft: Draft) -> Chosen | None:
    """The option that is meant, as sure as its evidence makes it."""
    position = _position(case)
    if position is None:
        return None
    probability = max(draft.probability, _BASE + _BY_WORDS * _OPTION if _holds_option(case) else 0.0)
    if case.chosen is not None and case.chosen.position == position:
        probability = max(probability, case.chosen.probability)
    elif case.chosen is not None:
        probability = min(probability, 0.5)
    return Chosen(position, min(_SUREST, probability), draft.quotes)
