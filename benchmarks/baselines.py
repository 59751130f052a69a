"""What the answers of ``benchmarks.questions`` are held against: two ways of doing without an agent, in the same run.

    words     the first moments of a search by words alone, taken as if they were the answer
    uniform   rows of evidence spread evenly over the video, taken as if they were the answer, whatever is asked

Both always answer. An option is chosen by the share of its words that stand in what they found; none where two lead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vagent import VideoAgent
from vagent.agent.language.words import stems
from vagent.index.records import Evidence

_TAKEN = 5  # moments or rows that count as found


@dataclass(frozen=True)
class Given:
    """What a baseline found: stretches and texts, best first."""

    spans: list[tuple[float, float]]
    texts: list[str]

    def picked(self, options: Sequence[str]) -> str | None:
        """The option that the texts hold most of."""
        held = {stem for text in self.texts for stem in stems(text)}
        shares = [len(held & (words := set(stems(option)))) / max(1, len(words)) for option in options]
        best = max(shares)
        return options[shares.index(best)] if best > 0 and shares.count(best) == 1 else None


def words(agent: VideoAgent, question: str) -> Given:
    """The first moments that hold the question's words. The agent's embeddings are switched off."""
    moments = agent.search(question, limit=_TAKEN)
    return Given(
        [(m.span.start, m.span.end) for m in moments],
        [hit.evidence.text for moment in moments for hit in moment.hits[:1]],
    )


def uniform(agent: VideoAgent) -> Given:
    """Rows of evidence at equal distances."""
    (video,) = agent.library.find(agent.source)
    rows: list[Evidence] = sorted(agent.library.index.evidence(video.id), key=lambda row: row.span.start)
    step = len(rows) / _TAKEN
    taken = [rows[int((i + 0.5) * step)] for i in range(_TAKEN)] if len(rows) >= _TAKEN else rows
    return Given([(row.span.start, row.span.end) for row in taken], [row.text for row in taken])
