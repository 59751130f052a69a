"""Questions about what is seen, through the whole product: decoding, index, agent, a server's model, the answer."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.media_files import write_video
from tests.openai_server import OpenAIServer, Request, named, plain, serving
from tests.vagent.conftest import Outcome

Run = Callable[..., Outcome]


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A silent film of red, then green, then blue, two seconds each, and a library that holds it."""
    from vagent import Library

    folder = tmp_path_factory.mktemp("colours")
    film = write_video(
        folder / "film.mp4", [plain(n, (160, 120)) for n in ("red", "green", "blue") for _ in "0123"], fps=2
    )
    with Library(folder / "library") as library:
        (report,) = library.add(film)
    assert report.error is None
    return film, folder / "library"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    with serving() as found:
        monkeypatch.setenv("VAGENT_VIDEOLLM_ENDPOINT", found.url)
        yield found


def test_the_answer_comes_from_the_pictures(run: Run, colours: tuple[Path, Path], server: OpenAIServer) -> None:
    film, library = colours
    done = run("ask", film, "Which colours can be seen in the picture?", "--library", library, "--json")
    answer = json.loads(done.out)
    assert (done.code, answer["answered"], answer["engines"]["videollm"]) == (0, True, "openai")
    seconds = {label: named(pixels) for label, pixels in server.asked[0].pictures}
    assert seconds["[00:00:01.0]"] == "red"
    assert seconds["[00:00:03.0]"] == "green"
    assert seconds["[00:00:05.0]"] == "blue"
    assert "[00:00:01.0] red" in answer["answer"]
    ((kind, quote),) = [(c["kind"], c["quote"]) for c in answer["citations"]]
    assert kind == "visual"
    assert "[00:00:05.0] blue" in quote


def test_nothing_after_until_is_shown(run: Run, colours: tuple[Path, Path], server: OpenAIServer) -> None:
    film, library = colours
    question = "Which colours can be seen in the picture?"
    run("ask", film, question, "--library", library, "--json", "--until", "0:03")
    assert {named(pixels) for request in server.asked for _, pixels in request.pictures} == {"red", "green"}


@pytest.mark.parametrize("probabilities", [True, False])
def test_an_option_is_chosen_by_what_is_seen(
    run: Run, colours: tuple[Path, Path], server: OpenAIServer, probabilities: bool
) -> None:
    """The model is right about the last picture, and leans to the letter A beside that."""

    def letter(request: Request) -> str:
        last = named(request.pictures[-1][1])
        return next(m[1] for m in re.finditer(r"^([A-D])\. (\w+)$", request.words[-1], re.M) if m[2] == last)

    def likely(request: Request) -> list[dict[str, Any]] | None:
        if not probabilities:
            return None
        weights = {"A": 0.3, letter(request): 0.6, "The": 0.05}
        return [{"token": word, "logprob": math.log(share)} for word, share in weights.items()]

    server.probable = likely
    server.say = lambda request: letter(request) if request.body["max_tokens"] == 1 else "It is blue at the end."
    film, library = colours
    options = [part for name in ("red", "green", "blue") for part in ("--choices", name)]
    done = run("ask", film, "What colour is the picture at the end?", "--library", library, "--json", *options)
    answer = json.loads(done.out)
    assert (done.code, answer["choice"]) == (0, "C")
    scored = [request for request in server.asked if request.body["max_tokens"] == 1]
    assert len(scored) == 3
    assert all(request.pictures for request in scored)


def test_it_is_asked_by_name_too_and_off_is_off(run: Run, colours: tuple[Path, Path], server: OpenAIServer) -> None:
    film, library = colours
    question = "Which colours can be seen in the picture?"
    for engine, looked in (("openai", True), ("off", False)):
        server.requests.clear()
        done = run("ask", film, question, "--library", library, "--json", "--engine", f"videollm={engine}")
        assert json.loads(done.out)["engines"]["videollm"] == engine
        assert bool(server.asked) is looked


def test_by_name_without_a_server_says_what_to_set(run: Run, colours: tuple[Path, Path]) -> None:
    film, library = colours
    done = run("ask", film, "What is seen?", "--library", library, "--engine", "videollm=openai")
    assert (done.code, done.out) == (1, "")
    assert "VAGENT_VIDEOLLM_ENDPOINT=http://localhost:8000/v1" in done.err


def test_doctor_names_the_server(run: Run, server: OpenAIServer) -> None:
    done = run("doctor", "--json")
    (sense,) = [s for s in json.loads(done.out)["senses"] if s["sense"] == "videollm"]
    assert (sense["engine"], sense["reason"]) == ("openai", f"videollm.endpoint is {server.url}")
    assert server.requests == []


def test_offline_does_not_ask_another_machine(
    run: Run, colours: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    film, library = colours
    monkeypatch.setenv("VAGENT_VIDEOLLM_ENDPOINT", "http://192.0.2.1/v1")
    monkeypatch.setenv("VAGENT_OFFLINE", "true")
    done = run("ask", film, "Which colours can be seen in the picture?", "--library", library, "--json")
    answer = json.loads(done.out)
    assert answer["engines"]["videollm"] != "openai"


def test_clips_are_described_from_the_pictures_and_found_by_that(
    run: Run, server: OpenAIServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAGENT_CAPTIONS_USE", "true")
    monkeypatch.setenv("VAGENT_VIDEOLLM_MODEL", "looker-1")
    monkeypatch.setenv("VAGENT_ENGINES_TEXT", "off")
    server.say = lambda request: f"The wall is {' and '.join(dict.fromkeys(named(p) for _, p in request.pictures))}."
    pictures = [plain(name, (160, 120)) for name in ("red", "green") for _ in range(24)]
    film = write_video(tmp_path / "walls.mp4", pictures, fps=2)
    done = run("search", film, "green wall", "--library", tmp_path / "library", "--json")
    assert done.code == 0, done.err
    told = [e for moment in json.loads(done.out)["moments"] for e in moment["evidence"] if e["kind"] == "caption"]
    green = [e for e in told if "green" in e["text"] and "red" not in e["text"]]
    assert green
    assert all(e["start"] >= 11.9 for e in green)
    assert all(e["end"] <= 12.1 for e in told if e["text"] == "The wall is red.")
