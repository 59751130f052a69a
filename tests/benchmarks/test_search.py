"""The benchmark of searches, at a size at which it takes seconds."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import search
from benchmarks.corpus import FILTERED, ROWS, Corpus


def test_the_same_number_gives_the_same_video() -> None:
    ours, theirs = Corpus("a model"), Corpus("a model")
    for one, other in zip(ours.rows(3), theirs.rows(3), strict=True):
        np.testing.assert_array_equal(one, other)
    assert ours.rows(3)[0] != ours.rows(4)[0]


def test_vectors_lie_in_clusters_and_words_are_uneven() -> None:
    corpus = Corpus("a model")
    rows = [corpus.rows(number) for number in range(8)]
    vectors = np.vstack([one[2] for one in rows])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    products = vectors @ vectors.T
    assert abs(products[:ROWS, ROWS:].mean()) < 0.3
    assert np.diagonal(products, 1)[: ROWS - 1].mean() > 0.6
    said = [set(text.split()) for texts, _, _ in rows for text in texts]
    shares = [sum(str(word) in words for words in said) / len(said) for word in corpus.words[[0, 100, 20_000]]]
    assert 0.02 < shares[0] < 0.12
    assert shares[0] > shares[1] > shares[2]


def test_all_figures_of_a_small_library(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vagent.index.store.known._SMALL", 0)  # columns are made of few rows too
    monkeypatch.setattr("vagent.index.store.shelf._TAIL", 50)
    out = tmp_path / "figures.json"
    again = ["--rows", "2000", "--queries", "24", "--folder", str(tmp_path), "--json", str(out)]
    for _ in range(2):  # the second time with what the first one has kept
        assert search.main(again) == 0
        report = json.loads(out.read_text())
        assert set(report["searches"]) == {"rare words", "common words", "question", "all", *FILTERED}
        assert {name: one["recall"] for name, one in report["recall_at_10"].items()} == dict.fromkeys(
            ("no filter", *FILTERED), 1.0
        )
        let_through = {name: one["rows"] for name, one in report["recall_at_10"].items()}
        assert let_through["no filter"] == 2000
        assert let_through["in one video"] == ROWS
        assert 0 < let_through["in films of one language"] < 2000
        assert report["columns"]["bytes"] == 2000 * 34
        assert set(report["one_more"]) == {"500", "2000"}
        assert report["bytes"]["vectors"] > 2000 * 2 * 384
    assert "ratio" in capsys.readouterr().out
