"""The benchmark of searches, at a size at which it takes seconds."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import search
from benchmarks.corpus import ROWS, Corpus


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


def test_all_figures_of_a_small_library(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "figures.json"
    again = ["--rows", "2000", "--queries", "24", "--folder", str(tmp_path), "--json", str(out)]
    for _ in range(2):  # the second time with what the first one has kept
        assert search.main(again) == 0
        report = json.loads(out.read_text())
        assert report["recall_at_10"] == 1.0
        assert set(report["searches"]) > {"rare words", "of one kind", "in one video", "all"}
        assert set(report["one_more"]) == {"500", "2000"}
        assert report["bytes"]["vectors"] > 2000 * 2 * 384
    assert "ratio" in capsys.readouterr().out
