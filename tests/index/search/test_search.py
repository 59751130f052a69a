from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from vagent import configs
from vagent.errors import LibraryError, QuestionError
from vagent.index.passages import embed_video
from vagent.index.records import Clip, Evidence, Kind
from vagent.index.search.fusion import fuse
from vagent.index.search.searcher import Filters, Searcher, queries
from vagent.index.store import Store
from vagent.index.vectors.faiss import FaissVectors
from vagent.index.words import words
from vagent.tools.embeddings.minilm import MiniLM
from vagent.tools.time import Span

rankings = st.dictionaries(st.sampled_from("abc"), st.lists(st.integers(1, 30), unique=True, max_size=20), max_size=3)

SPOKEN = [
    "The glaciers of the north are melting faster than ten years ago.",
    "A ship needs four days to reach the research station.",
    "Breakfast on board is served at seven.",
    "The captain has crossed the strait more than two hundred times.",
    "Penguins nest among the stones behind the huts.",
    "The generator burns diesel, which is brought in barrels.",
    "In the evening the scientists play chess.",
    "Nobody has seen the sun since the end of May.",
]
WRITTEN = ["STATION VERNADSKY\n65 degrees south", "DANGER\nTHIN ICE", "Camera: Olena Marchenko", "CLEANROOM 4"]


@pytest.fixture(scope="module")
def engine() -> MiniLM:
    return MiniLM(configs.load({"threads": 1}, env={}))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def searcher(store: Store, tmp_path: Path, engine: MiniLM, settings: configs.Settings) -> Searcher:
    """Two films: a spoken one, a line every twenty seconds, with cards of text, and one that repeats one caption."""
    first = store.add_video("one", "/films/station.mp4", 1, 1, 170.0, {})
    rows = [row(first.id, "subtitle", 20 * i, 20 * i + 6, text) for i, text in enumerate(SPOKEN)]
    rows += [row(first.id, "screen_text", 20 * i + 1, 20 * i + 5, text) for i, text in enumerate(WRITTEN)]
    second = store.add_video("two", "/films/advert.mp4", 1, 1, 60.0, {})
    rows += [row(second.id, "screen_text", 12 * i, 12 * i + 4, "Visit the chess museum") for i in range(5)]
    rows.append(row(second.id, "speech", 50, 55, "the chess museum opens on monday", weak=True))
    store.add_evidence(rows)
    for video in (first, second):
        edges = range(0, int(video.duration), 10)
        store.replace_clips(video.id, [Clip(Span(float(a), float(a + 10))) for a in edges])
        embed_video(store, video.id, engine)
    return Searcher(store, tmp_path, engine, settings.search)


def row(video: int, kind: Kind, start: float, end: float, text: str, *, weak: bool = False) -> Evidence:
    return Evidence(video, Span(float(start), float(end)), kind, text, weak=weak)


def best(searcher: Searcher, query: str, **filters: object) -> str:
    return searcher.search(query, filters=Filters(**filters))[0].hits[0].evidence.text  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("How long does the voyage take?", SPOKEN[1]),
        ("food in the morning", SPOKEN[2]),
        ("birds living on the ground", SPOKEN[4]),
        ("fuel for electricity", SPOKEN[5]),
    ],
)
def test_what_is_meant_is_found_in_other_words(searcher: Searcher, query: str, text: str) -> None:
    assert text in [moment.hits[0].evidence.text for moment in searcher.search(query, limit=2)]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("Vernadsky", WRITTEN[0]),
        ("Marchenko", WRITTEN[2]),
        ("65", WRITTEN[0]),
        ("vernadski", WRITTEN[0]),
        ("Marhcenko", WRITTEN[2]),
        ("clean room", WRITTEN[3]),
        ("thinice", WRITTEN[1]),
        ("GENERATORS", SPOKEN[5]),
    ],
)
def test_rare_words_are_found_even_with_a_slip(searcher: Searcher, query: str, text: str) -> None:
    assert best(searcher, query) == text


def test_without_embeddings_words_alone_are_searched(searcher: Searcher, tmp_path: Path) -> None:
    by_words = Searcher(searcher.store, tmp_path, None, searcher.settings)
    assert best(by_words, "captain") == SPOKEN[3]
    assert by_words.search("voyage") == []
    assert by_words.hits("captain")[0].ranks == {"lexical": 1}


def test_filters_let_nothing_else_through(searcher: Searcher) -> None:
    for hit in searcher.hits("chess museum", Filters(kinds=["screen_text"])):
        assert hit.evidence.kind == "screen_text"
    assert {hit.evidence.video for hit in searcher.hits("chess", Filters(videos=[1]))} == {1}
    for hit in searcher.hits("chess", Filters(start=20.0, end=40.0)):
        assert hit.evidence.span.overlap(Span(20.0, 40.0)) > 0
    assert not any(hit.evidence.weak for hit in searcher.hits("chess", Filters(weak=False)))
    assert searcher.search("chess", filters=Filters(videos=[99])) == []


def test_a_moment_holds_its_evidence_and_no_more(searcher: Searcher) -> None:
    for moment in searcher.search("penguins and ice"):
        spans = [hit.evidence.span for hit in moment.hits]
        assert moment.span.start == min(span.start for span in spans)
        assert moment.span.end == max(span.end for span in spans)
        assert moment.span.duration <= 10
        assert all(hit.evidence.video == moment.video.id for hit in moment.hits)


def test_what_two_senses_say_at_once_is_one_moment(searcher: Searcher, store: Store) -> None:
    video = store.add_video("three", "/films/c.mp4", 1, 1, 60.0, {})
    store.replace_clips(video.id, [Clip(Span(a, a + 10.0)) for a in (0.0, 10.0, 20.0, 30.0)])
    text = "Quartz watches keep perfect time"
    rows = [
        row(video.id, "subtitle", 7, 9.5, text),
        row(video.id, "screen_text", 8, 13, "QUARTZ WATCHES\nKEEP PERFECT TIME"),  # its middle lies in the next clip
        row(video.id, "speech", 8, 11, "quartz watches keep perfect thyme", weak=True),
        row(video.id, "screen_text", 25, 29, text),  # the same again is another moment
        row(video.id, "screen_text", 8, 40, "quartz: two atoms of oxygen, one of silicon"),  # another text is, too
    ]
    ids = store.add_evidence(rows)
    moments = searcher.search("quartz", filters=Filters(videos=[video.id]))
    found = {moment.span: {hit.evidence.id for hit in moment.hits} for moment in moments}
    assert found == {Span(7, 13): set(ids[:3]), Span(25, 29): {ids[3]}, Span(8, 40): {ids[4]}}


def test_a_moment_reaches_no_further_than_was_asked_for(searcher: Searcher, store: Store) -> None:
    video = store.add_video("three", "/films/c.mp4", 1, 1, 90.0, {})
    store.add_evidence([row(video.id, "screen_text", 0, 90, "Quartz and other minerals")])
    for start, end, span in [(None, 50.0, Span(0, 50)), (20.0, None, Span(20, 90)), (20.0, 50.0, Span(20, 50))]:
        (moment,) = searcher.search("quartz", filters=Filters(videos=[video.id], start=start, end=end))
        assert moment.span == span
        assert moment.hits[0].evidence.span == Span(0, 90)


CLIPS = [Clip(Span(float(a), a + 10.0)) for a in range(0, 60, 10)]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["subtitle", "speech", "screen_text"]),
            st.integers(0, 50),
            st.integers(0, 25),
            st.sampled_from(["red car", "red cars", "a red house", "blue", "car and house red"]),
        ),
        max_size=12,
    ),
    st.none() | st.integers(0, 30).map(float),
    st.none() | st.integers(31, 60).map(float),
)
@hypothesis_settings(max_examples=25, deadline=None)
def test_moments_hold_evidence_and_never_say_the_same_twice_at_once(
    tmp_path_factory: pytest.TempPathFactory, found: list[tuple[Kind, int, int, str]], start: float | None, end: float
) -> None:
    folder = tmp_path_factory.mktemp("library")
    with Store(folder) as store:
        video = store.add_video("one", "/one.mp4", 1, 1, 60.0, {}).id
        store.replace_clips(video, CLIPS)
        store.add_evidence([row(video, kind, a, a + length, text) for kind, a, length, text in found])
        searcher = Searcher(store, folder, None, configs.load(env={}).search)
        filters = Filters(start=start, end=end)
        moments = searcher.search("red car", filters=filters, limit=100)
        ids = [hit.evidence.id for moment in moments for hit in moment.hits]
        assert sorted(ids) == sorted(number for number, _ in store.match(["red", "car"], filters, 100))
        for moment in moments:
            assert (start or 0.0) <= moment.span.start <= moment.span.end <= (75.0 if end is None else end)
            assert all(hit.evidence.span.touches(moment.span) for hit in moment.hits)
        for at, moment in enumerate(moments):
            for other in moments[at + 1 :]:
                same = set(words(moment.hits[0].evidence.text)) == set(words(other.hits[0].evidence.text))
                assert not (same and moment.span.overlap(other.span))
        assert moments == searcher.search("red car", filters=filters, limit=100)


def test_moments_come_best_first_and_no_evidence_twice(searcher: Searcher) -> None:
    moments = searcher.search("chess museum", limit=50)
    assert [m.score for m in moments] == sorted((m.score for m in moments), reverse=True)
    ids = [hit.evidence.id for m in moments for hit in m.hits]
    assert len(ids) == len(set(ids))
    assert moments == searcher.search("chess museum", limit=50)


def test_what_repeats_itself_makes_room_for_the_rest(searcher: Searcher) -> None:
    texts = [moment.hits[0].evidence.text for moment in searcher.search("chess", limit=4)]
    assert texts.count("Visit the chess museum") < 4
    assert SPOKEN[6] in texts


def test_weak_evidence_ranks_below_equal_evidence_that_is_not(searcher: Searcher, store: Store) -> None:
    video = store.add_video("three", "/films/c.mp4", 1, 1, 40.0, {})
    pair = [row(video.id, "speech", 0, 2, "zeppelin", weak=True), row(video.id, "speech", 30, 32, "zeppelin")]
    store.add_evidence(pair)
    hits = [hit.evidence.weak for hit in searcher.hits("zeppelin") if hit.evidence.text == "zeppelin"]
    assert hits == [False, True]


@pytest.mark.parametrize("query", ["", "   ", "?!…", "'\"", "\n"])
def test_an_empty_query_is_refused(searcher: Searcher, query: str) -> None:
    with pytest.raises(QuestionError, match="the query is empty"):
        searcher.search(query)


def test_a_query_of_a_book_is_refused(searcher: Searcher) -> None:
    with pytest.raises(QuestionError, match="too long"):
        searcher.search("ice " * 1001)


@pytest.mark.parametrize(
    "query",
    [
        'chess"',
        "chess OR",
        "NEAR(chess museum)",
        "text : chess",
        "chess*",
        "{chess}",
        "chess AND NOT (",
        "ch\0ess",
        "-",
        "chess 🎬",
        "'; DROP TABLE evidence; --",
        "words MATCH 'x'",
        '"""',
        "^chess",
        "a" * 3000,
    ],
)
def test_no_query_is_a_command(searcher: Searcher, query: str) -> None:
    before = len(searcher.store.evidence())
    try:
        searcher.search(query)
    except QuestionError:
        assert not any(c.isalnum() for c in query)
    assert len(searcher.store.evidence()) == before


@given(st.text(max_size=60))
def test_words_come_from_any_text(query: str) -> None:
    try:
        found = queries.words(query)
    except QuestionError:
        return
    assert found
    assert len(found) == len(set(found))
    assert all(any(c.isalnum() for c in word) for word in found)


def test_a_query_with_another_model_is_refused(
    searcher: Searcher, tmp_path: Path, engine: MiniLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MiniLM, "model", property(lambda self: "other-model 2"))
    other = Searcher(searcher.store, tmp_path, engine, searcher.settings)
    with pytest.raises(LibraryError, match="other-model 2"):
        other.search("chess")


@given(rankings, st.integers(0, 60))
def test_fusion_keeps_every_row_once_and_orders_by_score(given_rankings: dict[str, list[int]], k: int) -> None:
    fused = fuse(given_rankings, k)
    assert {row.id for row in fused} == {i for ids in given_rankings.values() for i in ids}
    assert len({row.id for row in fused}) == len(fused)
    scores = [row.score for row in fused]
    assert scores == sorted(scores, reverse=True)
    assert fused == fuse(dict(reversed(given_rankings.items())), k)


@given(st.lists(st.integers(1, 9), unique=True, min_size=2), st.integers(0, 60))
def test_to_rank_higher_never_scores_lower(ids: list[int], k: int) -> None:
    other = {"b": ids}
    for at in range(1, len(ids)):
        raised = [*ids[: at - 1], ids[at], ids[at - 1], *ids[at + 1 :]]
        before = {row.id: row.score for row in fuse({"a": ids, **other}, k)}
        after = {row.id: row.score for row in fuse({"a": raised, **other}, k)}
        assert after[ids[at]] > before[ids[at]]


@pytest.mark.parametrize(
    ("a", "b", "slip"),
    [
        ("train", "trains", True),
        ("train", "tain", True),
        ("train", "trian", True),
        ("train", "brain", True),
        ("train", "train", False),
        ("train", "rtaine", False),
        ("train", "bran", False),
        ("ab", "ba", True),
        ("abcd", "badc", False),
    ],
)
def test_one_slip(a: str, b: str, slip: bool) -> None:
    assert (b in queries.slips(a)) is slip
    assert (a in queries.slips(b)) is slip


def test_a_query_is_embedded_as_one(searcher: Searcher, engine: MiniLM, monkeypatch: pytest.MonkeyPatch) -> None:
    """Models with a prompt of their own for queries find worse without it."""
    asked: list[list[str]] = []

    def embed_query(self: MiniLM, texts: list[str]) -> np.ndarray:
        asked.append(list(texts))
        return self.embed(texts)

    monkeypatch.setattr(MiniLM, "embed_query", embed_query)
    searcher.search("chess")
    assert asked == [["chess"]]


def test_a_searcher_that_was_closed_has_let_go_and_can_search_again(searcher: Searcher, engine: MiniLM) -> None:
    before = searcher.search("chess")
    index = searcher.index(engine.model, engine.dimension)
    assert isinstance(index, FaissVectors)
    assert index.files
    searcher.close()
    assert index.files == []
    assert searcher.search("chess") == before
