from __future__ import annotations

from vagent.index.bundle.choosing import Choice, Known, State, choose


def known(clips: int = 0, kinds: dict[str, int] | None = None, complete: bool = False, **stages: State) -> Known:
    return Known(stages, kinds or {}, clips, complete)


def done(settings: str = "s") -> State:
    return State(settings, "done", 0.0, "2026")


def running(cursor: float, settings: str = "s", changed: str = "2026") -> State:
    return State(settings, "running", cursor, changed)


def taken(ours: State | None, theirs: State | None) -> bool:
    pair = [known(**({} if state is None else {"speech": state})) for state in (ours, theirs)]
    return "speech" in choose(*pair).stages


def test_what_is_not_here_is_taken() -> None:
    assert taken(None, done())
    assert taken(None, running(3))
    assert not taken(done(), None)


def test_what_is_finished_here_stays() -> None:
    assert not taken(done(), done())
    assert not taken(done("ours"), done("theirs"))
    assert not taken(done(), running(99))


def test_what_has_come_further_is_taken() -> None:
    assert taken(running(99), done("theirs"))
    assert taken(running(1), running(2))
    assert not taken(running(2), running(1))
    assert taken(running(9), State("s", "failed", 0.0, "2026"))
    assert not taken(State("s", "failed", 0.0, "2026"), running(9))
    assert not taken(running(2), running(2, changed="2027"))


def test_of_two_unfinished_runs_that_differ_always_the_same_is_taken() -> None:
    one, other = running(2, "a"), running(2, "b")
    assert taken(one, other) != taken(other, one)


def test_evidence_goes_with_its_stage() -> None:
    ours = known(kinds={"speech": 3, "subtitle": 1}, speech=running(1), subtitles=done())
    theirs = known(kinds={"speech": 9, "subtitle": 1}, speech=done(), subtitles=done())
    choice = choose(ours, theirs)
    assert choice.kinds == {"speech"}
    assert choice.agreed == {"subtitle"}


def test_results_of_other_engines_are_neither_taken_nor_taken_for_the_same() -> None:
    ours = known(kinds={"speech": 3}, clips=1, speech=done("ours"))
    theirs = known(kinds={"speech": 9}, clips=2, speech=done("theirs"))
    empty: frozenset[str] = frozenset()
    assert choose(ours, theirs) == Choice(empty, empty, False, empty, empty, ("speech",), False)


def test_rows_that_no_stage_answers_for_are_united() -> None:
    choice = choose(known(kinds={"summary": 1}), known(clips=2, kinds={"summary": 1, "subtitle": 2}))
    assert choice.united == {"summary", "subtitle"}
    assert choice.clips
    assert not choose(known(clips=1), known(clips=2)).clips
    assert choose(known(subtitles=done()), known(kinds={"subtitle": 2})).united == frozenset()


def test_summaries_go_with_their_stage_too() -> None:
    theirs = known(kinds={"summary": 3}, summaries=State("s", "failed", 60.0, "2026"))
    assert choose(known(kinds={"summary": 2}), theirs).kinds == {"summary"}
    choice = choose(known(summaries=done("rows 1 to 9")), known(kinds={"summary": 3}, summaries=done("rows 5 to 13")))
    assert (choice.kinds, choice.united, choice.kept) == (frozenset(), frozenset(), ())


def test_complete_is_what_one_side_says_and_the_other_has_not_begun_to_change() -> None:
    whole, half = known(complete=True, text=done()), known(text=done(), captions=running(3))
    assert choose(whole, known(text=running(1))).complete
    assert choose(known(text=running(1)), whole).complete
    assert not choose(whole, half).complete
    assert not choose(half, whole).complete
    assert not choose(known(text=done()), known(text=done())).complete
    later = known(complete=True, text=done(), summaries=running(0))
    assert choose(known(), later).complete
    assert choose(later, known()).complete
