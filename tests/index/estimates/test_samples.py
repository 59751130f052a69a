"""From what stretches have cost to what others will."""

from __future__ import annotations

import importlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vagent.index import stages
from vagent.index.estimates.calibration import _corput, places
from vagent.index.estimates.estimate import makespan
from vagent.index.estimates.samples import AUDIO_STAGES, SCANNED, VIDEO_STAGES, Rates, Sample, Work, earlier
from vagent.index.stages.stage import Stage
from vagent.index.store import Actual
from vagent.tools.media import Audio, Frame

ONE = Sample(
    10.0,
    wall={"scan": 6.0, "text": 5.0, "speech": 4.0, "decode": 2.0, "shots": 0.1, "embed": 1.0},
    cpu={"scan": 9.0, "embed": 2.0},
    bytes={"text": 100, "pictures": 1000, "embed": 50},
    fixed=0.5,
    file="a.mkv",
)
WHOLE = {"text": 100.0, "speech": 100.0, "shots": 100.0, "embed": 100.0, "pictures": 100.0}


def subclasses(kind: type[Stage]) -> set[type[Stage]]:
    return {kind}.union(*(subclasses(one) for one in kind.__subclasses__()))


def test_the_stages_of_the_decode_pass_are_those_that_there_are() -> None:
    for name in ("objects", "pictures", "prints", "shots", "sounds", "speech", "text"):
        importlib.import_module(f"{stages.__name__}.{name}")
    found = {
        one.name: one.wants
        for one in subclasses(Stage)
        if one.__module__.startswith(stages.__name__) and hasattr(one, "name")
    }
    assert {name for name, wants in found.items() if wants is Frame} == VIDEO_STAGES
    assert {name for name, wants in found.items() if wants is Audio} == AUDIO_STAGES


def test_all_of_a_longer_video_costs_as_much_more_as_it_is_longer() -> None:
    cost = Rates([(ONE, 1.0)]).of(Work("b.mkv", 100.0, WHOLE))
    assert (cost.wall, cost.cpu) == (pytest.approx(60 + 10 + 0.5), pytest.approx(90 + 20 + 0.5))
    assert cost.bytes == {"text": 1000, "pictures": 10000, "embed": 500}


def test_a_part_of_the_pass_costs_what_holds_it_up() -> None:
    rates = Rates([(ONE, 1.0)])
    assert rates.of(Work("b", 100.0, {"speech": 100.0})).wall == pytest.approx(60 * 4 / 5 + 0.5)
    assert rates.of(Work("b", 100.0, {"shots": 100.0})).wall == pytest.approx(60 * 2 / 5 + 0.5)
    assert rates.of(Work("b", 100.0, {"embed": 100.0})).wall == pytest.approx(10 + 0.5)
    assert rates.of(Work("b", 100.0, {"speech": 25.0})).wall == pytest.approx(15 * 4 / 5 + 0.5)


def test_nothing_to_do_costs_nothing() -> None:
    cost = Rates([(ONE, 1.0)]).of(Work("b", 100.0, {}))
    assert (cost.wall, cost.cpu, cost.bytes) == (0.0, 0.0, {})


def test_a_file_of_which_something_was_measured_goes_by_that() -> None:
    slow = replace(ONE, wall={**ONE.wall, "scan": 60.0}, file="slow.mkv")
    rates = Rates([(ONE, 1.0), (slow, 1.0)])
    of = {
        file: rates.of(Work(file, 10.0, WHOLE | {"text": 10.0, "speech": 10.0, "embed": 0.0})).wall
        for file in ("a.mkv", "slow.mkv", "other")
    }
    assert of["a.mkv"] < of["other"] < of["slow.mkv"]
    assert of["other"] == pytest.approx((of["a.mkv"] + of["slow.mkv"]) / 2)


def test_what_was_indexed_before_weighs_by_its_length() -> None:
    before = replace(ONE, seconds=1000.0, wall={**ONE.wall, "scan": 1200.0}, file="", fixed=0.0)
    mixed = Rates([(replace(ONE, fixed=0.0), 600.0), (before, 3000.0)]).of(Work("b", 100.0, {"text": 100.0})).wall
    assert mixed == pytest.approx((600 * 60 + 3000 * 120) / 3600)


def test_earlier_runs_are_samples_but_for_those_that_tell_too_little() -> None:
    def row(video: int, stage: str, wall: float, media: float = 50.0) -> Actual:
        return Actual("quick x", "here", video, stage, media, wall, wall * 2, 7, at=f"t{video}")

    rows = [row(1, "subtitles", 0.5), row(1, "text", 9.0), row(1, "decode", 3.0), row(1, "scan", 10.0)]
    rows += [row(2, "captions", 4.0), row(3, "scan", 0.0, 0.0), row(3, "text", 0.0, 0.0)]
    (found,) = earlier(rows)
    assert (found.seconds, found.wall["scan"], found.cpu["scan"], found.fixed) == (50.0, 10.0, 20.0, 0.5)


@given(
    walls=st.lists(st.floats(0.0, 1000.0), min_size=1, max_size=20),
    workers=st.integers(1, 8),
    start=st.floats(0.0, 10.0),
)
def test_a_batch_takes_no_less_than_its_longest_film_and_no_more_than_one_process(
    walls: list[float], workers: int, start: float
) -> None:
    taken = makespan(walls, workers, start, 0.0, workers)
    assert taken >= start + max(max(walls), sum(walls) / workers) - 1e-6
    assert taken <= start + sum(walls) + 1e-6
    assert taken >= makespan(walls, workers + 1, start, 0.0, workers) - 1e-6
    assert makespan(walls, 1, start, 1e9, 1) == pytest.approx(start + sum(walls))


def test_cores_that_are_all_busy_are_the_limit() -> None:
    assert makespan([10.0, 10.0], 2, 1.0, 60.0, 2) == pytest.approx(1.0 + 30.0)


@given(st.integers(1, 2000))
def test_the_places_of_the_sequence_are_even(count: int) -> None:
    found = sorted(_corput(number) for number in range(1, count + 1))
    assert len(set(found)) == count
    assert all(0 < at < 1 for at in found)
    assert max(b - a for a, b in zip([0.0, *found], [*found, 1.0], strict=True)) <= 2 / count + 1e-9


@given(st.lists(st.floats(0.1, 5000.0), min_size=1, max_size=12))
def test_stretches_lie_within_their_files(lengths: list[float]) -> None:
    work = [Work(f"{number}.mkv", length, {"text": length}) for number, length in enumerate(lengths)]
    found = places(work)
    assert found and len(found) == len(set(found))
    for place in found:
        length = lengths[int(place.file.stem)]
        assert place.begin >= 0 and place.begin + place.length <= length + 1e-6
        assert 0 < place.length <= 6.0


def test_long_files_are_measured_more_often() -> None:
    work = [Work("long.mkv", 9000.0, {}), Work("short.mkv", 1000.0, {})]
    found = [place.file.stem for place in places(work)[:10]]
    assert found.count("long") in (8, 9, 10)


def test_nothing_is_measured_where_there_is_nothing() -> None:
    assert places([]) == []
    assert SCANNED == VIDEO_STAGES | AUDIO_STAGES
