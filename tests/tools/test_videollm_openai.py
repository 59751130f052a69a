"""The engine for OpenAI-compatible servers, against a real server on this machine that decodes what it is sent."""

from __future__ import annotations

import json
import math
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from tests.openai_server import OpenAIServer, Reply, Request, decoded, plain, seen, serving
from vagent.configs import Settings
from vagent.configs import load as load_settings
from vagent.errors import EngineError, EngineFailed, EngineUnavailable
from vagent.tools import engines
from vagent.tools.endpoint import http, replies
from vagent.tools.endpoint.address import address
from vagent.tools.thoughts import pieces_without_thoughts, without_thoughts
from vagent.tools.videollm.endpoint_pictures import mp4
from vagent.tools.videollm.openai import OpenAIVideoLLM

FRAMES = [(1.0, plain("red")), (2.5, plain("blue")), (62.25, plain("yellow"))]
TOLD = "[00:00:01.0] red, [00:00:02.5] blue, [00:01:02.2] yellow"


def settings(endpoint: str | None, **values: Any) -> Settings:
    return load_settings({"videollm": {"endpoint": endpoint, "timeout": 10.0} | values}, env={})


@pytest.fixture
def engine(server: OpenAIServer) -> Iterator[OpenAIVideoLLM]:
    made = OpenAIVideoLLM(settings(server.url))
    yield made
    made.close()


@pytest.fixture(scope="module")
def lasting() -> Iterator[tuple[OpenAIServer, OpenAIVideoLLM]]:
    """A server and an engine for all examples of a property: both take their time to start."""
    with serving() as found:
        made = OpenAIVideoLLM(settings(found.url, model="looker-1"))
        yield found, made
        made.close()


def refused(server: OpenAIServer, reply: Reply, **values: Any) -> EngineError:
    """The error that a server's reply to a question becomes; it is one line."""
    server.replies = [reply]
    with pytest.raises(EngineError) as error:
        OpenAIVideoLLM(settings(server.url, model="looker-1", **values)).answer(FRAMES[:1], "?")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 600
    return error.value


class TestLooking:
    def test_the_server_sees_the_true_colours_in_order_with_their_times(self, engine: OpenAIVideoLLM) -> None:
        assert engine.answer(FRAMES, "Which colours?") == TOLD

    def test_frames_out_of_order_are_put_in_order(self, engine: OpenAIVideoLLM) -> None:
        assert engine.answer(FRAMES[::-1], "Which colours?") == TOLD

    def test_the_prompt_stands_last_and_nothing_else_is_said(
        self, engine: OpenAIVideoLLM, server: OpenAIServer
    ) -> None:
        engine.answer(FRAMES[:2], "Which colours?", tokens=7)
        (request,) = server.asked
        assert request.words == ["[00:00:01.0]", "[00:00:02.5]", "Which colours?"]
        assert (request.body["max_tokens"], request.body["temperature"]) == (7, 0)
        assert request.headers["authorization"] == "Bearer EMPTY"

    def test_without_pictures_the_prompt_goes_alone(self, engine: OpenAIVideoLLM, server: OpenAIServer) -> None:
        assert engine.answer([], "one two three") == "No pictures, but a prompt of 3 words."
        assert server.asked[0].body["messages"] == [{"role": "user", "content": "one two three"}]

    def test_half_a_surrogate_pair_is_not_sent(self, engine: OpenAIVideoLLM, server: OpenAIServer) -> None:
        engine.answer([], "a \ud800 b 🎬")
        assert server.asked[0].words == ["a ? b 🎬"]

    def test_too_many_frames_are_thinned_evenly(self, server: OpenAIServer) -> None:
        frames = [(float(i), plain("red" if i < 30 else "green")) for i in range(60)]
        OpenAIVideoLLM(settings(server.url, frames=5)).answer(frames, "?")
        assert [label for label, _ in server.asked[0].pictures] == [
            f"[00:00:{second:02d}.0]" for second in (0, 15, 30, 44, 59)
        ]

    def test_a_large_picture_is_scaled_to_the_budget_in_its_own_shape(self, server: OpenAIServer) -> None:
        OpenAIVideoLLM(settings(server.url, pixels=10_000)).answer([(0.0, plain("green", (400, 100)))], "?")
        ((_, pixels),) = server.asked[0].pictures
        assert pixels.shape == (50, 200, 3)

    def test_pictures_are_left_as_they_are(self, server: OpenAIServer) -> None:
        image = plain("red", (300, 200))
        image.setflags(write=False)
        view = image[:, ::-1]  # not contiguous
        OpenAIVideoLLM(settings(server.url, pixels=2048)).answer([(0.0, image), (1.0, view)], "?")
        assert np.array_equal(image, plain("red", (300, 200)))

    def test_the_length_is_that_of_the_settings(self, server: OpenAIServer) -> None:
        OpenAIVideoLLM(settings(server.url, tokens=33)).answer([], "?")
        assert server.asked[0].body["max_tokens"] == 33

    def test_an_answer_in_parts_is_put_together(self, server: OpenAIServer, engine: OpenAIVideoLLM) -> None:
        parts = [{"type": "text", "text": "A red "}, {"type": "reasoning"}, {"type": "text", "text": "car."}]
        server.replies = [Reply(), Reply(200, {"choices": [{"message": {"content": parts}}]})]
        server.replies[0] = Reply(200, {"data": [{"id": "looker-1"}]})
        assert engine.answer([], "?") == "A red car."

    def test_threads_share_an_engine(self, engine: OpenAIVideoLLM) -> None:
        found: dict[int, str] = {}

        def ask(number: int) -> None:
            found[number] = engine.answer([(float(number), plain("green"))], "?")

        threads = [threading.Thread(target=ask, args=(i,)) for i in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == {i: f"[00:00:0{i}.0] green" for i in range(6)}


class TestVideo:
    def test_one_video_with_the_frames_at_their_own_times(self, server: OpenAIServer) -> None:
        told = OpenAIVideoLLM(settings(server.url, send="video")).answer(FRAMES, "Which colours?")
        label = "[00:00:01.0 - 00:01:02.2; 0.0 s of this clip is 00:00:01.0]"
        assert told == f"{label} +0.000 red, {label} +1.500 blue, {label} +61.250 yellow"
        assert [part["type"] for part in server.asked[0].body["messages"][0]["content"]] == [
            "text",
            "video_url",
            "text",
        ]

    def test_lengths_and_colours_are_those_of_the_frames(self) -> None:
        frames = [(100 + i / 2, plain(name)) for i, name in enumerate(["red", "green", "blue", "white"])]
        found = decoded(mp4(frames))
        assert [(time, length) for time, _, length in found] == [(0.0, 0.5), (0.5, 0.5), (1.0, 0.5), (1.5, 0.5)]
        for (_, pixels, _), (_, image) in zip(found, frames, strict=True):
            assert np.abs(pixels[..., ::-1].astype(int) - image).mean() < 6

    @pytest.mark.parametrize(("size", "wanted"), [((63, 47), (46, 62)), ((1, 1), (2, 2)), ((64, 48), (48, 64))])
    def test_odd_sizes_and_mixed_sizes(self, size: tuple[int, int], wanted: tuple[int, int]) -> None:
        found = decoded(mp4([(0.0, plain("red", size)), (0.0, plain("blue", (32, 32))), (0.0004, plain("red", size))]))
        assert [pixels.shape[:2] for _, pixels, _ in found] == [wanted] * 3
        assert [time for time, _, _ in found] == [0.0, 0.001, 0.002]

    def test_a_server_that_takes_none_is_named_with_the_way_out(self, server: OpenAIServer) -> None:
        error = refused(server, Reply(400, {"error": "unknown content type video_url"}), send="video")
        assert "unknown content type video_url" in str(error)
        assert "set videollm.send to images" in str(error)


class Turns(threading.Event):
    """In the place of a server's pauses: it says the next thing once the last one has been heard, or ends."""

    def __init__(self) -> None:
        super().__init__()
        self.due = threading.Semaphore(2)  # the beginning, and the first word

    def wait(self, timeout: float | None = None) -> bool:
        return not self.due.acquire(timeout=60)


class TestStream:
    def test_pieces_come_as_they_are_made(self, server: OpenAIServer) -> None:
        server.ended = turns = Turns()
        arrived = []
        for piece in OpenAIVideoLLM(settings(server.url, model="looker-1")).stream(FRAMES, "?"):
            arrived.append(piece)
            turns.due.release(1 if len(arrived) < 6 else 10)
        assert "".join(arrived) == TOLD
        assert len(arrived) == 6

    def test_closing_closes_the_connection(self, server: OpenAIServer) -> None:
        server.pause, server.say = 0.02, lambda request: "word " * 2000
        pieces = OpenAIVideoLLM(settings(server.url, model="looker-1")).stream([], "?")
        assert next(pieces) == "word"
        pieces.close()  # type: ignore[attr-defined]
        assert server.hung_up.wait(60)

    def test_a_server_that_does_not_stream_is_taken_as_it_is(
        self, server: OpenAIServer, engine: OpenAIVideoLLM
    ) -> None:
        models = Reply(200, {"data": [{"id": "looker-1"}]})
        server.replies = [models, Reply(200, {"choices": [{"message": {"content": "All."}, "finish_reason": "stop"}]})]
        assert list(engine.stream([], "?")) == ["All."]

    @pytest.mark.parametrize(
        ("ending", "message"),
        [
            (b"", "broke off in the middle of its answer"),
            (b"data: [DONE]\n\n", "broke off in the middle of its answer"),
            (b'data: {"error": {"message": "out of memory"}}\n\n', "'out of memory'"),
            (b'data: {"choices": [{"de', "not JSON"),
            (b'data: {"choices": [{"delta": 5}]}\n\n', "without a message"),
            (b"data: " + b"x" * (2 << 20), "more than"),
        ],
    )
    def test_one_that_breaks_in_the_middle(
        self, server: OpenAIServer, engine: OpenAIVideoLLM, ending: bytes, message: str
    ) -> None:
        body = b'data: {"choices": [{"delta": {"content": "A red"}}]}\r\n\r\n' + ending
        models = Reply(200, {"data": [{"id": "looker-1"}]})
        server.replies = [models, Reply(200, body, {"Content-Type": "text/event-stream"})]
        pieces = engine.stream([], "?")
        assert next(pieces) == "A red"
        with pytest.raises(EngineFailed, match=message):
            next(pieces)

    def test_a_connection_that_is_cut(self, server: OpenAIServer) -> None:
        def cut(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Type", "text/event-stream")
            handler.send_header("Content-Length", "5000")
            handler.end_headers()
            handler.wfile.write(b'data: {"choices": [{"delta": {"content": "A red"}}]}\n\n')
            handler.wfile.flush()
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True

        server.replies = [cut]
        pieces = OpenAIVideoLLM(settings(server.url, model="looker-1")).stream([], "?")
        assert next(pieces) == "A red"
        with pytest.raises(EngineFailed, match="broke off"):
            next(pieces)

    def test_silence_ends_it_and_comments_are_no_sign_of_life(self, server: OpenAIServer) -> None:
        def murmur(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Type", "text/event-stream")
            handler.end_headers()
            while not server.hung_up.wait(0.02):
                handler.wfile.write(b": processing\n\n")
                handler.wfile.flush()

        server.replies = [murmur]
        begin = time.monotonic()
        with pytest.raises(EngineFailed, match=r"no answer within 0\.3 s"):
            list(OpenAIVideoLLM(settings(server.url, model="looker-1", timeout=0.3)).stream([], "?"))
        assert time.monotonic() - begin < 30
        assert server.hung_up.wait(60)


class TestThoughts:
    @pytest.mark.parametrize(
        ("said", "answer"),
        [
            ("<think>It is a car.</think>\n\nA red car.", "A red car."),
            ("It is a car, so red.</think> A red car.", "A red car."),
            ("<think>a</think><think>b</think>A red car.", "A red car."),
            ("A red car.", "A red car."),
            ("A < b, </th and <thin", "A < b, </th and <thin"),
        ],
    )
    def test_they_are_no_part_of_the_answer(
        self, server: OpenAIServer, engine: OpenAIVideoLLM, said: str, answer: str
    ) -> None:
        server.say = lambda request: said
        assert engine.answer([], "?") == answer
        if said.startswith(("<", "A")):
            assert "".join(engine.stream([], "?")) == answer

    @given(
        parts=st.lists(st.sampled_from(["<think>", "</think>", "a", " ", "b c", "<", "\n"]), max_size=8),
        cuts=st.lists(st.integers(0, 40), max_size=6),
    )
    def test_pieces_say_what_the_whole_says(self, parts: list[str], cuts: list[int]) -> None:
        text = "".join(parts)
        edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
        pieces = [text[a:b] for a, b in pairwise(edges)]
        said = list(pieces_without_thoughts(pieces))
        assert all(said)
        joined = "".join(said)
        assert "<think>" not in joined
        # Where thoughts begin in the text, it is all the same; else what came before their end cannot be taken back.
        if text.count("</think>") <= text.count("<think>") and text.strip().startswith("<think>"):
            assert joined.endswith(without_thoughts(text))
        elif "think>" not in text:
            assert joined == without_thoughts(text) == text.strip()

    def test_an_answer_that_never_came_says_so(self, server: OpenAIServer, engine: OpenAIVideoLLM) -> None:
        choice = {"message": {"content": "<think>So much to"}, "finish_reason": "length"}
        server.replies = [Reply(200, {"data": [{"id": "looker-1"}]}), Reply(200, {"choices": [choice]})]
        with pytest.raises(EngineFailed, match=r"raise videollm\.tokens"):
            engine.answer([], "?")

    def test_thinking_is_turned_off_where_that_can_be_said(self, engine: OpenAIVideoLLM, server: OpenAIServer) -> None:
        engine.answer([], "?")
        assert server.asked[0].body["chat_template_kwargs"] == {"enable_thinking": False}


class TestScores:
    @staticmethod
    def rows(**words: float) -> Callable[[Request], list[dict[str, Any]]]:
        return lambda request: [{"token": w.replace("_", " "), "logprob": p, "bytes": []} for w, p in words.items()]

    def test_they_are_the_servers_over_the_letters(self, server: OpenAIServer, engine: OpenAIVideoLLM) -> None:
        server.probable = self.rows(B=math.log(0.4), _B=math.log(0.2), A=math.log(0.2), The=math.log(0.1))
        found = engine.score_choices(FRAMES, "?", ["A", "B"])
        np.testing.assert_allclose(np.exp(found), [0.25, 0.75])
        body = server.asked[0].body
        assert (body["max_tokens"], body["logprobs"], body["top_logprobs"]) == (1, True, 20)

    def test_a_letter_that_is_not_listed_has_the_least(self, server: OpenAIServer, engine: OpenAIVideoLLM) -> None:
        server.probable = self.rows(A=math.log(0.8), No=math.log(0.1))
        np.testing.assert_allclose(np.exp(engine.score_choices([], "?", ["A", "B", "C"])), [0.8, 0.1, 0.1])

    def test_letters_are_given_in_the_order_asked(self, server: OpenAIServer, engine: OpenAIVideoLLM) -> None:
        server.probable = self.rows(A=math.log(0.9), B=math.log(0.1), C=-9999.0)
        assert engine.score_choices([], "?", ["B", "A", "C"]) == pytest.approx(
            [math.log(0.1), math.log(0.9), -9999.0], abs=1e-6
        )

    def test_no_letter_at_all_is_an_error(self, server: OpenAIServer, engine: OpenAIVideoLLM) -> None:
        server.probable = self.rows(The=-0.1, It=-2.0)
        with pytest.raises(EngineFailed, match=r"none of the letters.*The.*allowed: A, B"):
            engine.score_choices([], "?", ["A", "B"])

    def test_a_server_with_few_words_is_asked_for_few(self, server: OpenAIServer, engine: OpenAIVideoLLM) -> None:
        server.probable = self.rows(A=-0.1, B=-3.0)
        too_many = Reply(400, {"message": "top_logprobs must be <= 5", "object": "error"})
        server.replies = [Reply(200, {"data": [{"id": "looker-1"}]}), too_many]
        assert np.argmax(engine.score_choices([], "?", ["A", "B"])) == 0
        assert [request.body["top_logprobs"] for request in server.asked] == [20, 5]

    def test_without_probabilities_the_letter_it_says_counts(
        self, server: OpenAIServer, engine: OpenAIVideoLLM
    ) -> None:
        server.say = lambda request: " B."
        np.testing.assert_allclose(np.exp(engine.score_choices([], "?", ["A", "B", "C"])), [0.05, 0.9, 0.05])
        server.say = lambda request: "Blue"
        with pytest.raises(EngineFailed, match="none of the letters: 'Blue'"):
            engine.score_choices([], "?", ["A", "B", "C"])

    def test_a_server_that_refuses_the_question_is_asked_without_once(
        self, server: OpenAIServer, engine: OpenAIVideoLLM
    ) -> None:
        server.say = lambda request: "A"
        server.unknown = {"logprobs": "You are not allowed to request logprobs from this model"}
        assert np.argmax(engine.score_choices([], "?", ["A", "B"])) == 0
        before = len(server.asked)
        assert np.argmax(engine.score_choices([], "?", ["A", "B"])) == 0
        assert len(server.asked) == before + 1

    @pytest.mark.parametrize("value", [0.7, "-1", True, float("nan"), float("inf")])
    def test_numbers_that_are_no_probabilities(
        self, server: OpenAIServer, engine: OpenAIVideoLLM, value: object
    ) -> None:
        server.probable = lambda request: [{"token": "A", "logprob": value}]
        with pytest.raises(EngineFailed, match="probabilities"):
            engine.score_choices([], "?", ["A", "B"])


class TestCaptions:
    def test_one_a_clip_in_order_a_few_at_once(self, server: OpenAIServer, engine: OpenAIVideoLLM) -> None:
        server.pause = 0.1
        names = ["red", "green", "blue", "yellow", "white", "black"] * 2
        clips = [[(float(i), plain(name))] for i, name in enumerate(names)]
        found = engine.caption(clips, [f"Describe {i}." for i in range(len(clips))], tokens=9)
        assert found == [f"[00:00:{i:02d}.0] {name}" for i, name in enumerate(names)]
        assert 2 <= server.most_busy <= 5  # the server counts a reply as under way for a moment after it has been read
        assert {request.body["max_tokens"] for request in server.asked} == {9}

    def test_no_clips_ask_nothing(self, server: OpenAIServer, engine: OpenAIVideoLLM) -> None:
        assert engine.caption([], []) == []
        assert server.requests == []

    def test_the_first_failure_ends_it(self, server: OpenAIServer) -> None:
        server.pause = 0.05
        server.replies = [Reply(500, b"CUDA out of memory")]
        engine = OpenAIVideoLLM(settings(server.url, model="looker-1"))
        with pytest.raises(EngineFailed, match="CUDA out of memory"):
            engine.caption([[]] * 40, ["?"] * 40)
        assert len(server.asked) < 20


class TestDialects:
    def test_the_only_model_is_taken_and_asked_for_once(self, server: OpenAIServer, engine: OpenAIVideoLLM) -> None:
        engine.answer([], "?")
        engine.answer([], "?")
        assert [request.path for request in server.requests] == ["/v1/models"] + ["/v1/chat/completions"] * 2
        assert server.asked[0].body["model"] == "looker-1"

    @pytest.mark.parametrize(("models", "message"), [(("a", "b"), "several models.*allowed: a, b"), ((), "no model")])
    def test_otherwise_one_must_be_named(
        self, server: OpenAIServer, engine: OpenAIVideoLLM, models: tuple[str, ...], message: str
    ) -> None:
        server.models = models
        with pytest.raises(EngineUnavailable, match=rf"{message}.*set videollm\.model"):
            engine.answer([], "?")

    def test_a_model_it_does_not_have_is_named_with_those_it_has(self, server: OpenAIServer) -> None:
        with pytest.raises(EngineUnavailable) as error:
            OpenAIVideoLLM(settings(server.url, model="gone")).answer([], "?")
        assert f"{server.url} does not have the model: 'gone'; allowed: looker-1; set videollm.model" in str(
            error.value
        )

    def test_a_base_url_without_its_end_is_explained(self, server: OpenAIServer) -> None:
        server.replies = [Reply(404, b"404 page not found")] * 2
        with pytest.raises(EngineUnavailable, match=r"nothing to ask at .*usually ends in /v1"):
            OpenAIVideoLLM(settings(server.url, model="looker-1")).answer([], "?")

    def test_what_it_does_not_understand_is_left_out_from_then_on(
        self, server: OpenAIServer, engine: OpenAIVideoLLM
    ) -> None:
        server.unknown = {
            "chat_template_kwargs": "Unknown parameter: 'chat_template_kwargs'.",
            "max_tokens": "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
            "temperature": "Unsupported value: 'temperature' does not support 0 with this model.",
        }
        assert engine.answer(FRAMES, "?", tokens=12) == TOLD
        assert "".join(engine.stream(FRAMES, "?", tokens=12)) == TOLD
        *_, answered, streamed = server.asked
        assert len(server.asked) == 5
        assert streamed.body["max_completion_tokens"] == answered.body["max_completion_tokens"] == 12
        assert not answered.body.keys() & server.unknown.keys()

    def test_streaming_learns_too(self, server: OpenAIServer, engine: OpenAIVideoLLM) -> None:
        server.unknown = {"temperature": "temperature is deprecated"}
        assert "".join(engine.stream(FRAMES, "?")) == TOLD

    def test_a_refusal_that_names_nothing_new_is_not_tried_for_ever(self, server: OpenAIServer) -> None:
        server.unknown = {"messages": "max_completion_tokens, temperature and chat_template are all fine"}
        with pytest.raises(EngineFailed, match="are all fine"):
            OpenAIVideoLLM(settings(server.url, model="looker-1")).answer([], "?")
        assert len(server.asked) == 2

    def test_the_key_comes_from_the_variable_that_is_named(
        self, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server.key = "sk-secret-1234"
        monkeypatch.setenv("MY_KEY", " sk-secret-1234\n")
        assert OpenAIVideoLLM(settings(server.url, key="MY_KEY")).answer(FRAMES, "?") == TOLD
        monkeypatch.setenv("MY_KEY", "sk-secret-wrong")
        with pytest.raises(EngineUnavailable, match=r"\(401\).*environment variable MY_KEY") as error:
            OpenAIVideoLLM(settings(server.url, key="MY_KEY", model="looker-1")).answer(FRAMES, "?")
        assert "sk-secret" not in str(error.value)
        assert "provided: ***" in str(error.value)

    @pytest.mark.parametrize("key", ["sk-\u00e4", "sk-a\nHost: evil", "sk-\x07"])
    def test_a_key_that_cannot_be_one_is_not_repeated(
        self, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch, key: str
    ) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", key)
        with pytest.raises(EngineUnavailable, match="OPENAI_API_KEY") as error:
            OpenAIVideoLLM(settings(server.url)).answer([], "?")
        assert "sk-" not in str(error.value)
        assert server.requests == []

    def test_user_and_password_of_the_url_are_used_and_never_shown(self, server: OpenAIServer) -> None:
        url = server.url.replace("http://", "http://me:pass%40word@")
        engine = OpenAIVideoLLM(settings(url + "?token=hidden", model="looker-1"))
        engine.answer([], "?")
        assert server.asked[0].headers["authorization"] == "Basic bWU6cGFzc0B3b3Jk"
        assert server.asked[0].path == "/v1/chat/completions?token=hidden"
        server.replies = [Reply(500, b"me:pass@word is broken")]
        with pytest.raises(EngineFailed) as error:
            engine.answer([], "?")
        shown = f"{error.value} {engine.revision} {engine.check(engine.settings).reason}"
        assert "pass" not in shown
        assert "hidden" not in shown


class TestErrors:
    def test_nobody_there(self) -> None:
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{held.getsockname()[1]}/v1"
            with pytest.raises(
                EngineUnavailable, match=r"no server answers.*start it, or set videollm\.endpoint"
            ) as error:
                OpenAIVideoLLM(settings(url)).answer([], "?")
        assert url in str(error.value)

    def test_no_such_machine(self) -> None:
        with pytest.raises(EngineUnavailable, match="no server answers"):
            OpenAIVideoLLM(settings(f"http://{'a' * 70}.invalid/v1", timeout=2.0)).answer([], "?")

    def test_a_server_too_slow(self, server: OpenAIServer) -> None:
        server.pause = 60
        begin = time.monotonic()
        with pytest.raises(EngineFailed, match=r"no answer within 0\.2 s.*raise videollm\.timeout"):
            OpenAIVideoLLM(settings(server.url, model="looker-1", timeout=0.2)).answer([], "?")
        assert time.monotonic() - begin < 40

    def test_an_answer_that_drips_for_ever_ends_too(self, server: OpenAIServer) -> None:
        def drip(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Length", "100000")
            handler.end_headers()
            while not server.hung_up.wait(0.02):
                handler.wfile.write(b" ")
                handler.wfile.flush()

        server.replies = [drip]
        with pytest.raises(EngineFailed, match=r"no answer within 0\.3 s"):
            OpenAIVideoLLM(settings(server.url, model="looker-1", timeout=0.3)).answer([], "?")

    @pytest.mark.parametrize(
        ("reply", "parts"),
        [
            (
                Reply(413, b"<html>\nRequest Entity\tToo Large\r\n</html>"),
                ["(413)", "Entity Too Large", "videollm.pixels"],
            ),
            (
                Reply(400, {"error": {"message": "maximum context length is 4096 tokens"}}),
                ["maximum context length is 4096", "lower videollm.frames"],
            ),
            (Reply(400, {"message": "At most 1 image(s) may be provided", "code": 400}), ["At most 1 image", "frames"]),
            (Reply(400, {"detail": "no such thing"}), ["(400): 'no such thing'"]),
            (Reply(422, {"detail": [{"loc": ["body"], "msg": "bad"}]}), ["(422)", "bad"]),
            (Reply(500, {"error": "image input is not supported"}), ["(500): 'image input is not supported'", "log"]),
            (Reply(500, b""), ["(500); see the server's log"]),
            (Reply(500, b"\xff\xfe\x00\x1b[2J"), ["(500)"]),
            (Reply(500, b"A" * 100_000), ["(500)"]),
            (Reply(403, b""), ["(403)", "OPENAI_API_KEY"]),
            (Reply(200, b"<html>nginx</html>"), ["not JSON: '<html>nginx</html>'", "/v1"]),
            (Reply(200, b"[" * 100_000), ["not JSON"]),
            (Reply(200, {"choices": []}), ["without an answer"]),
            (Reply(200, {"error": {"message": "boom"}}), ["without an answer: 'boom'"]),
            (Reply(200, {"choices": [{"message": {"content": 5}}]}), ["no text: '5'"]),
            (Reply(200, {"choices": [{}]}), ["without a message"]),
            (Reply(200, b" " * (9 << 20)), ["more than 8 MB"]),
            (Reply(200, b"{}", {"Content-Encoding": "gzip"}), ["packs its answers"]),
        ],
    )
    def test_what_the_server_says_is_passed_on_in_one_line(
        self, server: OpenAIServer, reply: Reply, parts: list[str]
    ) -> None:
        error = refused(server, reply)
        assert all(part in str(error) for part in parts), str(error)
        assert "\x1b" not in str(error)

    def test_a_redirect_is_not_followed(self, server: OpenAIServer) -> None:
        with serving() as other:
            elsewhere = other.url.replace("http://", "http://me:secret@") + "/chat/completions?key=secret"
            error = refused(server, Reply(307, b"", {"Location": elsewhere}))
            assert f"sends us elsewhere: '{other.url}'" in str(error)
            assert "secret" not in str(error)
            assert other.requests == []

    @pytest.mark.parametrize("status", [429, 503])
    def test_a_busy_server_is_asked_once_more(self, server: OpenAIServer, status: int) -> None:
        busy = Reply(status, {"error": "busy"}, {"Retry-After": "0.2"})
        server.replies = [busy]
        engine = OpenAIVideoLLM(settings(server.url, model="looker-1"))
        begin = time.monotonic()
        assert engine.answer(FRAMES, "?") == TOLD
        assert time.monotonic() - begin >= 0.2
        server.replies = [busy, busy]
        with pytest.raises(EngineFailed, match=rf"\({status}\): 'busy'; the server is busy: try again later"):
            engine.answer(FRAMES, "?")
        assert len(server.asked) == 4

    def test_a_server_that_asks_for_too_long_is_not_waited_for(self, server: OpenAIServer) -> None:
        begin = time.monotonic()
        refused(server, Reply(429, b"", {"Retry-After": "3600"}))
        assert time.monotonic() - begin < 60
        assert len(server.asked) == 1

    @pytest.mark.parametrize(
        ("asked", "seconds"),
        [
            ("0", 0.0),
            ("7", 7.0),
            ("-5", 0.0),
            ("21", None),
            ("nan", None),
            ("inf", None),
            ("soon", 1.0),
            ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
            ("Wed, 21 Oct 2099 07:28:00 -0000", None),
        ],
    )
    def test_how_long_to_wait(self, asked: str, seconds: float | None) -> None:
        assert http._wait({"retry-after": asked}) == seconds

    def test_a_date_to_wait_for(self) -> None:
        wait = http._wait({"retry-after": formatdate(time.time() + 10, usegmt=True)})
        assert wait == pytest.approx(9.5, abs=1)
        assert http._wait({}) == 1.0

    def test_after_a_failure_and_after_closing_it_works_again(
        self, server: OpenAIServer, engine: OpenAIVideoLLM
    ) -> None:
        server.replies = [Reply(500, b"no")]
        with pytest.raises(EngineFailed):
            engine.answer(FRAMES, "?")
        assert engine.answer(FRAMES, "?") == TOLD
        engine.close()
        engine.close()
        assert engine.answer(FRAMES, "?") == TOLD

    JSON = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    "choices message delta content error text type finish_reason data id logprobs top_logprobs token "
                    "logprob detail".split()
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=14,
    )

    @given(
        status=st.sampled_from([200, 200, 200, 400, 404, 500]), body=st.binary(max_size=60) | JSON, sse=st.booleans()
    )
    @examples(max_examples=100, deadline=None)
    def test_whatever_a_server_answers_is_text_or_an_error_of_ours(
        self, lasting: tuple[OpenAIServer, OpenAIVideoLLM], status: int, body: object, sse: bool
    ) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        server, engine = lasting
        kind = "text/event-stream" if sse else "application/json"
        reply = Reply(status, (b"data: " * sse + raw + b"\n\n" * sse) or b" ", {"Content-Type": kind})
        calls: list[Callable[[], object]] = [
            lambda: engine.answer([], "?"),
            lambda: "".join(engine.stream([], "?")),
            lambda: "".join(map(str, engine.score_choices([], "?", ["A", "B"]))),
            lambda: "".join(engine._server.models()),
        ]
        for call in calls:
            server.replies = [reply] * 6
            try:
                assert isinstance(call(), str)
            except EngineError as error:
                assert str(error).isprintable()


class TestChoosing:
    def test_auto_takes_it_when_a_server_is_set(self) -> None:
        choice = engines.choose("videollm", settings("http://gpu:8000/v1/"))
        assert (choice.name, choice.reason) == ("openai", "videollm.endpoint is http://gpu:8000/v1")

    def test_without_a_server_it_says_what_to_set(self) -> None:
        status = OpenAIVideoLLM.check(settings(None))
        assert not status.ready
        assert "VAGENT_VIDEOLLM_ENDPOINT" in (status.fix or "")
        with pytest.raises(EngineUnavailable, match="VAGENT_VIDEOLLM_ENDPOINT"):
            OpenAIVideoLLM(settings(None)).answer([], "?")

    @pytest.mark.parametrize(
        ("host", "allowed"),
        [
            ("localhost", True),
            ("model.localhost", True),
            ("127.0.0.1", True),
            ("127.8.8.8", True),
            ("[::1]", True),
            ("[::ffff:127.0.0.1]", True),
            ("0.0.0.0", True),
            ("192.168.1.5", False),
            ("10.0.0.1", False),
            ("[fe80::1]", False),
            ("localhost.example.com", False),
            ("127.0.0.1.example.com", False),
            ("api.openai.com", False),
        ],
    )
    def test_offline_allows_this_machine_alone(self, host: str, allowed: bool) -> None:
        url = f"http://{host}:8000/v1"
        offline = load_settings({"offline": True, "videollm": {"endpoint": url}}, env={})
        status = OpenAIVideoLLM.check(offline)
        assert status.ready is allowed
        assert url in status.reason
        assert OpenAIVideoLLM.check(settings(url)).ready
        if not allowed:
            with pytest.raises(EngineUnavailable, match="offline is set"):
                OpenAIVideoLLM(offline).answer([], "?")

    @pytest.mark.parametrize(
        "url",
        [
            "localhost:8000/v1",
            "ftp://host/v1",
            "http://",
            "http://[bad/v1",
            "http://h:port/v1",
            "http://h:99999",
            "x",
            "http://ho st/v1",
            "http://h/\x00",
            "http://h\u00e4h/v1",
            "http://me:secret@/v1",
        ],
    )
    def test_what_is_no_url_is_said_without_repeating_it(self, url: str) -> None:
        status = OpenAIVideoLLM.check(settings(url))
        assert not status.ready
        assert "not the URL of a server" in status.reason
        assert "secret" not in status.reason
        assert OpenAIVideoLLM(settings(url)).revision

    @pytest.mark.parametrize(
        ("url", "asked"),
        [
            ("http://h:1/v1", "http://h:1/v1/models"),
            ("http://h/v1/", "http://h/v1/models"),
            ("https://h", "https://h/models"),
            ("http://h/v1/chat/completions", "http://h/v1/models"),
            ("https://h/openai/v1/?api-version=1", "https://h/openai/v1/models?api-version=1"),
            ("http://[::1]:8080/v1#x", "http://[::1]:8080/v1/models"),
        ],
    )
    def test_where_questions_go(self, url: str, asked: str) -> None:
        assert address(url).to("models") == asked

    def test_the_revision_names_the_model_else_the_server(self, server: OpenAIServer) -> None:
        assert OpenAIVideoLLM(settings(server.url, model="looker-1")).revision == "openai 1 looker-1"
        host = address(server.url).host
        assert OpenAIVideoLLM(settings(server.url)).revision == f"openai 1 the only model at {host}"
        assert server.requests == []

    def test_a_server_with_an_unknown_certificate_is_not_trusted(self, server: OpenAIServer) -> None:
        made = OpenAIVideoLLM(settings("https://127.0.0.1:1/v1"))
        client = made._server.endpoint()._http()
        assert client._transport._pool._ssl_context.verify_mode == ssl.CERT_REQUIRED  # type: ignore[attr-defined]
        assert client._transport._pool._ssl_context.get_ca_certs()  # type: ignore[attr-defined]
        made.close()

    def test_this_machine_is_asked_without_a_proxy(
        self, server: OpenAIServer, engine: OpenAIVideoLLM, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
        assert engine.answer(FRAMES, "?") == seen(server.asked[0]) == TOLD


@pytest.mark.parametrize(
    ("reply", "tokens"),
    [
        ({"usage": {"prompt_tokens": 812, "completion_tokens": 9}}, 821),
        ({"usage": {"prompt_tokens": 812}}, 812),
        ({"usage": {"prompt_tokens": "many", "completion_tokens": True}}, 0),
        ({"usage": None}, 0),
        ({}, 0),
        ("nothing", 0),
    ],
)
def test_tokens_are_counted_where_the_server_tells(reply: object, tokens: int) -> None:
    assert replies.spent(reply) == tokens
