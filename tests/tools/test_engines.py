"""Which engine a sense takes, what is said of those passed over, and that each is made once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from typing import Any, ClassVar

import pytest

from vagent.configs import Settings, load
from vagent.errors import EngineFailed, EngineUnavailable, SettingsError
from vagent.tools import engines
from vagent.tools.engines import Engines, Status, check, choose, names


class Ear:
    """A recogniser of another package; ``state`` is what its check says."""

    name: ClassVar[str] = "ear"
    weak: ClassVar[bool] = False
    state: ClassVar[Status] = Status(True, "it has ears")
    made: ClassVar[list[Ear]] = []

    def __init__(self, settings: Settings) -> None:
        time.sleep(0.05)  # so that a second thread would come in between
        self.settings = settings
        self.closed = 0
        self.made.append(self)

    @property
    def revision(self) -> str:
        return "ear 1"

    @classmethod
    def check(cls, settings: Settings) -> Status:
        return cls.state

    def close(self) -> None:
        self.closed += 1


class ShyEar(Ear):
    """Only ever taken by name."""

    name: ClassVar[str] = "shy"
    named_only: ClassVar[bool] = True


@pytest.fixture(autouse=True)
def announced(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Engines of other packages: two that work, two that cannot be imported."""
    points = [
        EntryPoint(f"speech.{name}", value, engines.ENTRY_POINTS)
        for name, value in (
            ("broken", "no_such_package.module:Ear"),
            ("empty", f"{__name__}:NoSuchEar"),
            ("shy", f"{__name__}:ShyEar"),
            ("ear", f"{__name__}:Ear"),
        )
    ]
    monkeypatch.setattr(EntryPoint, "load", lambda self: _loaded(self))
    monkeypatch.setattr(engines, "entry_points", lambda group: points)
    monkeypatch.setattr(Ear, "made", [])
    monkeypatch.setattr(Ear, "state", Status(True, "it has ears"))
    engines._table.cache_clear()
    yield
    engines._table.cache_clear()


def _loaded(point: EntryPoint) -> Any:
    """What an entry point names; this module is there under another name than its file's."""
    if point.module != __name__:
        raise ImportError(f"No module named {point.module!r}")
    return globals()[point.attr]


def settings_with(speech: str = "auto", **values: Any) -> Settings:
    return load({"engines": {"speech": speech}, **values}, env={})


class TestChoosing:
    def test_engines_of_other_packages_go_before_ours(self) -> None:
        assert names("speech")[:4] == ["broken", "empty", "shy", "ear"]
        assert names("speech")[-1] == "pocketsphinx"

    def test_auto_takes_the_first_that_can_run_and_says_why_not_the_others(self) -> None:
        choice = choose("speech", settings_with())
        assert (choice.name, choice.engine, choice.reason) == ("ear", Ear, "it has ears")
        assert choice.passed_over == {
            "broken": Status(
                False,
                "no_such_package.module:Ear cannot be imported (No module named 'no_such_package.module')",
                "see who provides it",
            ),
            "empty": Status(False, f"{__name__}:NoSuchEar cannot be imported ('NoSuchEar')", "see who provides it"),
        }

    def test_auto_takes_the_next_where_one_cannot_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        deaf = Status(False, "it is deaf", "buy ears")
        monkeypatch.setattr(Ear, "state", deaf)
        choice = choose("speech", settings_with())
        assert choice.name == "pocketsphinx"
        assert choice.passed_over["ear"] == deaf
        assert list(choice.passed_over) == [one for one in names("speech") if one not in ("shy", "pocketsphinx")]

    def test_one_asked_for_by_name_is_taken_or_fails_with_what_helps(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert choose("speech", settings_with("shy")).engine is ShyEar
        monkeypatch.setattr(Ear, "state", Status(False, "it is deaf", "buy ears"))
        with pytest.raises(EngineUnavailable, match="speech engine ear cannot run here: it is deaf; buy ears"):
            choose("speech", settings_with("ear"))
        with pytest.raises(EngineUnavailable, match="cannot be imported"):
            choose("speech", settings_with("broken"))

    def test_off_is_off_and_unknown_is_an_error(self) -> None:
        assert (choose("speech", settings_with("off")).engine, choose("speech", settings_with("off")).name) == (
            None,
            "off",
        )
        with pytest.raises(SettingsError, match=r"unknown speech engine: 'gramophone'; allowed: auto, off, broken"):
            check("speech", "gramophone", settings_with())

    def test_without_any_that_can_run_there_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Ear, "state", Status(False, "it is deaf"))
        monkeypatch.setattr(engines, "ENGINES", {"speech": {}})
        engines._table.cache_clear()
        choice = choose("speech", settings_with())
        assert (choice.engine, choice.reason) == (None, "no engine can run here")


class TestFetching:
    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """What is fetched: ``ears`` comes, nothing else does."""
        from vagent.tools.weights import download

        fetched: list[str] = []

        def fetch(name: str, settings: Settings) -> None:
            fetched.append(name)
            if name != "ears":
                raise EngineFailed(f"{name} is not what it should be")
            Ear.state = Status(True, "ears are on this machine")

        monkeypatch.setattr(download, "fetch", fetch)
        return fetched

    def test_a_model_is_fetched_before_its_engine_is_made(
        self, asked: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Ear, "state", Status(True, "ears will be fetched", fetch="ears"))
        made = Engines(settings_with())
        assert choose("speech", settings_with()).fetch == "ears"
        assert asked == []
        assert made.get("speech")[1] is made.get("speech")[1]
        assert asked == ["ears"]

    def test_auto_takes_the_next_where_the_model_does_not_come(
        self, asked: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Ear, "state", Status(True, "noses will be fetched", fetch="noses"))
        made = Engines(settings_with())
        for _ in range(2):
            choice, _ = made.get("speech")
            assert choice.name == "pocketsphinx"
            assert choice.passed_over["ear"] == Status(False, "noses is not what it should be")
        assert asked == ["noses"]  # once a process
        made.close()

    def test_one_asked_for_by_name_fails(self, asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Ear, "state", Status(True, "noses will be fetched", fetch="noses"))
        with pytest.raises(EngineFailed, match="noses is not what it should be"):
            Engines(settings_with("ear")).get("speech")


class TestMaking:
    def test_threads_that_ask_at_once_get_the_same_one(self) -> None:
        made = Engines(settings_with())
        found: list[Any] = []
        threads = [threading.Thread(target=lambda: found.append(made.get("speech")[1])) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 4
        assert found == Ear.made * 4

    def test_other_settings_make_another_and_the_one_before_lets_go(self) -> None:
        made = Engines(settings_with())
        _, first = made.get("speech")
        german = settings_with()
        german = german.model_copy(update={"speech": german.speech.model_copy(update={"language": "de"})})
        _, second = made.get("speech", german)
        assert second is not first
        assert (second.settings, first.closed, second.closed) == (german, 1, 0)
        assert made.get("speech", german)[1] is second
        assert made.get("speech", german.model_copy())[1] is second

    def test_closing_lets_go_of_all(self) -> None:
        made = Engines(settings_with())
        _, first = made.get("speech")
        made.close()
        made.close()
        assert first.closed == 1
        assert made.get("speech")[1] is not first

    def test_what_is_off_has_no_engine(self) -> None:
        assert Engines(settings_with("off")).get("speech")[1] is None
        assert Ear.made == []
