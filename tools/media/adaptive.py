"""Decodes what tells pictures of H.264 and HEVC apart: few where they flow into one another, all of them around a cut.

Pictures that no other needs are left out, and all B pictures where ``stretches.independent`` proves that they can be.
Where two of those that remain differ so much that a cut may lie between them, the stretch is decoded again from its
first picture, and nothing is left out of what follows that place. So cuts are found where a pass over all pictures
finds them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from vagent.tools.media.decoding import Decoding, Shown, Signature
from vagent.tools.media.skipping import Level
from vagent.tools.media.stretches import STRIDE, Picture, Stretch, Stretches
from vagent.tools.shots import Cells, cells, change_between, may_part

_STRIDES: dict[Level, float] = {"BIDIR": STRIDE, "NONREF": 0.13}  # seconds that may lie between two pictures
_WORTH = 0.25  # part of the pictures of a stretch that must be left out for it to be worth it


@dataclass(slots=True, eq=False)
class _Plan:
    """A stretch under way.

    Attributes:
        order: pts -> number of the picture in order of display.
        levels: of each packet, what to leave out: where it is not DEFAULT, that picture.
        fed: packets that have gone in.
        given: the last picture that was given out, in order of display.
        sparse: pictures are left out, and it is not known yet whether they may be.
        again: it is decoded for the second time.
    """

    stretch: Stretch
    order: dict[int, int]
    levels: list[Level]
    sparse: bool
    fed: int = 0
    given: int = -1
    again: bool = False


class _Waiting(NamedTuple):
    """A picture that is given out once it is known that nothing is missing behind it.

    Attributes:
        flow: mean change from picture to picture before it.
    """

    plan: _Plan
    number: int
    shown: Shown
    cells: Cells | None
    flow: float


class Adaptive(Decoding):
    """See above.

    Args:
        stream: of PyAV.
        stretches: holds back its packets.
        base: seconds of one tick of its clock.
        every: seconds that may lie between two pictures, at most.
        sign: makes the signature of a picture; None where it cannot have one.
    """

    def __init__(
        self, stream: Any, stretches: Stretches, base: float, every: float, sign: Callable[[Any], Signature | None]
    ) -> None:
        super().__init__(stream)
        self._stretches = stretches
        self._base = base
        self._every = every
        self._sign = sign
        self._plans: list[_Plan] = []  # whose pictures may not all have come out
        self._waiting: _Waiting | None = None

    def feed(self, packet: Any) -> Iterator[Shown]:
        yield from self._take(self._stretches.offer(packet))

    def release(self) -> Iterator[Shown]:
        yield from self._take(self._stretches.release())

    def finish(self) -> Iterator[Shown]:
        yield from self._take(self._stretches.finish())
        yield from self._drain()
        yield from self._pictures(None)

    def _take(self, stretches: Iterable[Stretch]) -> Iterator[Shown]:
        for stretch in stretches:
            plan = _planned(stretch, self._base, self._every)
            if plan is None:
                yield from self._drain()
                for packet in stretch.packets:
                    yield from self._pictures(packet)
            else:
                self._plans.append(plan)
                yield from self._advance()

    def _advance(self) -> Iterator[Shown]:
        """Decode what is planned, from the first packet on that has not gone in."""
        while plan := next((plan for plan in self._plans if plan.fed < len(plan.levels)), None):
            packet, level = plan.stretch.packets[plan.fed], plan.levels[plan.fed]
            plan.fed += 1
            yield from self._show(self._send(packet, level))

    def _drain(self) -> Iterator[Shown]:
        """All that is planned comes out."""
        while self._plans:
            yield from self._show(self._send(None))
            self._stream.codec_context.flush_buffers()
            if all(plan.fed == len(plan.levels) for plan in self._plans):
                self._plans = []
            yield from self._advance()
        yield from self._let_go()

    def _show(self, frames: Sequence[Any]) -> Iterator[Shown]:
        for frame in frames:
            plan = next((plan for plan in self._plans if frame.pts in plan.order), None)
            number = -1 if plan is None else plan.order[frame.pts]
            if plan is None or number <= self._known(plan):
                if plan is None or not plan.again:  # a stamp that nobody knows, or that another picture had
                    yield from self._let_go()
                    yield frame, None
                continue
            del self._plans[: self._plans.index(plan)]
            signature = self._sign(frame)
            looks = cells(signature) if signature is not None and plan.sparse else None
            if self._parts(plan, number, looks):
                self._decode_again(plan)
                return
            waiting = _Waiting(plan, number, (frame, signature), looks, self._flow(plan, number, looks))
            yield from self._let_go()
            self._waiting = waiting

    def _known(self, plan: _Plan) -> int:
        """The last picture of a stretch that has come out."""
        return self._waiting.number if self._waiting is not None and self._waiting.plan is plan else plan.given

    def _parts(self, plan: _Plan, number: int, looks: Cells | None) -> bool:
        """Whether pictures are left out before this one, among which a boundary may lie."""
        before = self._waiting
        if before is None or before.plan is not plan or number - before.number <= 1:
            return False
        return looks is not None and before.cells is not None and may_part(before.cells, looks, before.flow)

    def _flow(self, plan: _Plan, number: int, looks: Cells | None) -> float:
        before = self._waiting
        if before is None or before.plan is not plan or before.cells is None or looks is None:
            return 0.0
        return change_between(before.cells, looks) / (number - before.number)

    def _decode_again(self, plan: _Plan) -> None:
        """From the picture on that was given out last nothing is left out; what went in behind the stretch follows."""
        self._stream.codec_context.flush_buffers()
        plan.sparse, plan.again = False, True
        packets, pictures = plan.stretch
        # Pictures that others need are all decoded now: the others are predicted from them.
        plan.levels = [
            "DEFAULT" if picture.reference or plan.order[packet.pts] > plan.given else "NONREF"
            for packet, picture in zip(packets, pictures, strict=True)
        ]
        for later in self._plans:
            later.fed = 0
        self._waiting = None

    def _let_go(self) -> Iterator[Shown]:
        if self._waiting is not None:
            self._waiting.plan.given = self._waiting.number
            yield self._waiting.shown
        self._waiting = None


def _planned(stretch: Stretch, base: float, every: float) -> _Plan | None:
    """What to decode of a stretch; None where it is not whole, or not known in which order it is shown."""
    stamps = [packet.pts for packet in stretch.packets]
    if not stretch.pictures or None in stamps or len(set(stamps)) < len(stamps):
        return None
    levels = _levels(stretch, base, every)
    sparse = any(level != "DEFAULT" for level in levels)
    return _Plan(stretch, {stamp: number for number, stamp in enumerate(sorted(stamps))}, levels, sparse)


def _levels(stretch: Stretch, base: float, every: float) -> list[Level]:
    """What to leave out of each packet, as much as can be."""
    packets, pictures = stretch
    end = max(packet.pts for packet in packets)
    ways: tuple[Level, ...] = ("BIDIR", "NONREF") if stretch.lone() else ("NONREF",)
    for level in ways:
        spared = [_spared(picture, level) for picture in pictures]
        kept = {packet.pts for packet, spare in zip(packets, spared, strict=True) if not spare}
        stride = min(_STRIDES[level], every)
        near = all((after - before) * base <= stride for before, after in pairwise(sorted({*kept, end})))
        if near and len(kept) <= (1 - _WORTH) * len(packets):
            return [level if spare else "DEFAULT" for spare in spared]
    return ["DEFAULT"] * len(packets)


def _spared(picture: Picture, level: Level) -> bool:
    return not picture.reference or (level == "BIDIR" and picture.bidirectional)
