"""EasyOCR: what goes into its networks and comes out of them, against its own way where that is right.

Weights are random here. The geometry is proved by a detector that finds a colour and a recogniser that keeps what it is
shown; reading is proved by equality with EasyOCR's own reader.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import cv2
import numpy as np
import pytest

from tests.models import easyocr as weights
from tests.text_pictures import page
from vagent import configs
from vagent.configs import Settings
from vagent.errors import EngineFailed, EngineUnavailable, SettingsError
from vagent.tools import device, engines
from vagent.tools.text import Image, Region
from vagent.tools.text import easy as module
from vagent.tools.text.easy import EasyText
from vagent.tools.text.rapid import RapidText
from vagent.tools.text.scripts import DETECTOR, NETWORKS, network, not_bundled

pytest.importorskip("easyocr", reason="needs the extra [easyocr]")

RED = (40, 30, 220)  # BGR
BLUE = (220, 30, 40)


def settings(model: Path | None, *languages: str, **given: Any) -> Settings:
    text = {"model": str(model) if model else None, "languages": languages or ("en",), "detect_side": 320}
    return configs.load({"threads": 1, "device": "cpu", "text": text, **given}, env={})


@pytest.fixture(scope="module")
def engine() -> Iterator[EasyText]:
    made = EasyText(settings(weights.folder()))
    made.recognise(page([]), [])  # loads
    yield made
    made.close()


class RedDetector:
    """Stands for the detector's network: text is where the picture is red, words are joined where it is dark red."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def __call__(self, x: Any) -> Any:
        import torch

        self.seen.append(x)
        mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        red, _, blue = (x * deviation.view(1, 3, 1, 1) + mean.view(1, 3, 1, 1)).unbind(1)
        text = torch.nn.functional.avg_pool2d((red - blue - 0.3).clamp(0, 0.4)[:, None] * 2.5, 2)[:, 0]
        return torch.stack([text, torch.zeros_like(text)], dim=-1), None


class Keeper:
    """Stands for the recogniser's network: keeps what it is shown, and reads one letter for each eighth of it."""

    def __init__(self, letters: int) -> None:
        self.shown: list[np.ndarray] = []
        self._letters = letters

    def __call__(self, x: Any, _: object) -> Any:
        import torch

        self.shown += [(row[0].numpy() + 1) * 127.5 for row in x]
        level = x[:, 0].unfold(2, x.shape[3] // 8, x.shape[3] // 8).mean(dim=(1, 3))
        index = ((level + 1) / 2 * 20).round().long() + 60
        return 12.0 * torch.nn.functional.one_hot(index, self._letters).float()


@pytest.fixture
def detector(engine: EasyText, monkeypatch: pytest.MonkeyPatch) -> RedDetector:
    red = RedDetector()
    assert engine._loaded is not None
    monkeypatch.setattr(engine._loaded.reader, "detector", red)
    return red


@pytest.fixture
def keeper(engine: EasyText, monkeypatch: pytest.MonkeyPatch) -> Keeper:
    assert engine._loaded is not None
    kept = Keeper(len(engine._loaded.converter.character))
    loaded = engine._loaded
    monkeypatch.setattr(
        engine, "_loaded", module._Loaded(loaded.reader, kept, loaded.converter, loaded.ignored, loaded.where)
    )
    return kept


def picture(bars: dict[tuple[int, int, int, int], tuple[int, int, int]], size: tuple[int, int] = (640, 360)) -> Image:
    image = np.full((size[1], size[0], 3), 128, np.uint8)
    for (left, top, right, bottom), colour in bars.items():
        image[top:bottom, left:right] = colour
    return image


def turned(image: Image, degrees: float) -> tuple[Image, np.ndarray]:
    """The picture turned counter-clockwise about its middle, and the matrix that does it."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return cv2.warpAffine(image, matrix, (width, height), borderValue=(128, 128, 128)), matrix


class TestDetecting:
    def test_boxes_lie_around_the_text_in_reading_order(self, engine: EasyText, detector: RedDetector) -> None:
        left = [(40, 60, 240, 84), (40, 130, 220, 154), (40, 200, 250, 224)]
        right = [(380, 95, 560, 119), (380, 165, 600, 189), (380, 235, 590, 259)]
        bars = dict.fromkeys([*right, *left], RED)
        found = engine.detect(picture(bars | {(40, 300, 300, 330): BLUE}))
        # What is blue is no text: the colours arrive as the network was taught them. Columns come one after the other.
        assert len(found) == 6
        for region, truth in zip(found, [*left, *right], strict=True):
            box = np.array(region.box) * (640, 360, 640, 360)
            assert box == pytest.approx(truth, abs=20)
            assert (np.sign(box - truth) == (-1, -1, 1, 1)).all()

    def test_words_of_one_line_are_one_region(self, engine: EasyText, detector: RedDetector) -> None:
        words = {(40, 100, 130, 130): RED, (142, 100, 230, 130): RED, (340, 100, 430, 130): RED}
        found = [region.box for region in engine.detect(picture(words))]
        assert [(round(b[0] * 640, -1), round(b[2] * 640, -1)) for b in found] == [(30, 240), (330, 440)]

    @pytest.mark.parametrize("degrees", [-20, 12, 25])
    def test_tilted_text_keeps_its_tilt(self, engine: EasyText, detector: RedDetector, degrees: float) -> None:
        image, matrix = turned(picture({(200, 160, 440, 200): RED}), degrees)
        (region,) = engine.detect(image)
        truth = np.array([(200, 160, 1), (440, 160, 1), (440, 200, 1), (200, 200, 1)]) @ matrix.T
        corners = np.array(region.corners) * (640, 360)
        np.testing.assert_allclose(corners.mean(axis=0), truth.mean(axis=0), atol=4)
        # The detector's maps are widened around the letters, so only the direction of the edges is the truth's.
        for one, other, straight in ((0, 1, 0.998), (3, 2, 0.998), (1, 2, 0.97), (0, 3, 0.97)):
            edge, true_edge = corners[other] - corners[one], truth[other] - truth[one]
            assert edge @ true_edge / np.linalg.norm(edge) / np.linalg.norm(true_edge) > straight
            assert 1 < np.linalg.norm(edge) / np.linalg.norm(true_edge) < 2.6

    def test_a_finer_look_sees_more_of_the_picture(self, engine: EasyText, detector: RedDetector) -> None:
        image = picture({(40, 60, 220, 90): RED})
        engine.detect(image)
        engine.detect(image, fine=True)
        assert [tuple(x.shape) for x in detector.seen] == [(1, 3, 192, 320), (1, 3, 384, 640)]

    def test_small_pictures_are_enlarged_but_not_without_end(self, engine: EasyText, detector: RedDetector) -> None:
        (region,) = engine.detect(picture({(10, 10, 50, 18): RED}, (64, 48)))
        assert detector.seen[0].shape == (1, 3, 160, 192)
        assert np.array(region.box) * (64, 48, 64, 48) == pytest.approx((10, 10, 50, 18), abs=4)

    @pytest.mark.parametrize("shape", [(360, 640, 3), (900, 60, 3), (40, 900, 3), (2, 2, 3), (1, 50, 3)])
    def test_an_empty_picture_has_no_text(
        self, engine: EasyText, detector: RedDetector, shape: tuple[int, ...]
    ) -> None:
        assert engine.detect(np.full(shape, 120, np.uint8)) == []

    def test_it_finds_what_easyocr_finds(self, engine: EasyText, reader: Any) -> None:
        """With the random detector, whose map is noise: every box must be the same."""
        image = page([("Mapping", (20, 30), 30), ("and more", (120, 110), 24)], (320, 180))
        expected_upright, expected_tilted = reader.detect(image[:, :, ::-1], min_size=8, width_ths=0.7)
        corners = [[(x0, y0), (x1, y0), (x1, y1), (x0, y1)] for x0, x1, y0, y1 in expected_upright[0]]
        corners += expected_tilted[0]
        expected = sorted(np.clip(np.array(c) / (320, 180), 0, 1).ravel().tolist() for c in corners)
        found = sorted(np.array(region.corners).ravel().tolist() for region in engine.detect(image))
        np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.fixture(scope="module")
def reader() -> Iterator[Any]:
    """EasyOCR's own reader of the same files."""
    import easyocr

    before = list(sys.path)
    folder = str(weights.folder())
    yield easyocr.Reader(
        ["en"],
        gpu=False,
        model_storage_directory=folder,
        user_network_directory=folder,
        download_enabled=False,
        verbose=False,
        quantize=False,
    )
    sys.path[:] = before


class TestReading:
    PATTERN = np.kron(np.random.default_rng(4).integers(20, 236, (2, 9)), np.ones((15, 20))).astype(np.uint8)

    def pasted(self) -> Image:
        image = np.full((360, 640, 3), 128, np.uint8)
        # Three shades of one grey level: the order of colours does not matter here, the weights of each do.
        image[160:190, 230:410] = self.PATTERN[:, :, None]
        return image

    @pytest.mark.parametrize("degrees", [0, -20, 14])
    def test_the_network_is_shown_the_region_upright(self, engine: EasyText, keeper: Keeper, degrees: float) -> None:
        image, matrix = turned(self.pasted(), degrees)
        corners = np.array([(230, 160, 1), (410, 160, 1), (410, 190, 1), (230, 190, 1)]) @ matrix.T / (640, 360)
        region = Region(tuple(map(tuple, corners)))  # type: ignore[arg-type]
        engine.recognise(image, [region])
        (shown,) = keeper.shown
        assert shown.shape == (64, 384)
        expected = cv2.resize(self.PATTERN, (384, 64), interpolation=cv2.INTER_LINEAR)
        assert np.corrcoef(shown.ravel(), expected.ravel())[0, 1] > 0.95
        assert abs(shown.mean() - expected.mean()) < 4

    def test_red_is_darker_than_green(self, engine: EasyText, keeper: Keeper) -> None:
        image = picture({(0, 0, 640, 180): (0, 0, 255), (0, 180, 640, 360): (0, 255, 0)})
        engine.recognise(image, [Region.upright((0, 0, 1, 0.5)), Region.upright((0, 0.5, 1, 1))])
        assert [round(float(shown.mean())) for shown in keeper.shown] == [76, 150]

    def test_it_answers_for_each_region_in_order(self, engine: EasyText, keeper: Keeper) -> None:
        shades = [20, 230, 120, 60, 180]
        places = [(40, 40 + 60 * i, 40 + 70 * (1 + i), 70 + 60 * i) for i in range(5)]  # each of another length
        image = picture({place: (shade,) * 3 for place, shade in zip(places, shades, strict=True)})
        regions = [Region.upright((a / 640, b / 360, c / 640, d / 360)) for a, b, c, d in places]
        nothing = Region.upright((0.5, 0.5, 0.501, 0.9))
        found = engine.recognise(image, [regions[2], nothing, *regions])
        texts = [[line.text for line in lines] for lines in found]
        letters = engine._loaded.converter.character  # type: ignore[union-attr]
        expected = [[letters[round(shade / 255 * 20) + 60]] for shade in shades]
        assert texts == [expected[2], [], *expected]
        assert all(line.box == region.box for lines, region in zip(found[2:], regions, strict=True) for line in lines)
        assert all(0.9 < line.confidence <= 1 for lines in found for line in lines)
        assert engine.recognise(image, []) == []

    def test_what_runs_upwards_is_read_turned_too(self, engine: EasyText, keeper: Keeper) -> None:
        engine.recognise(
            picture({(100, 50, 130, 250): RED}), [Region.upright((100 / 640, 50 / 360, 130 / 640, 250 / 360))]
        )
        assert sorted(shown.shape for shown in keeper.shown) == [(64, 64), (64, 448)]

    def test_it_reads_what_easyocr_reads(self, engine: EasyText, reader: Any) -> None:
        """Letters and confidences of the random recogniser, the second try of faint lines included."""
        image = page([("Mapping and analysis", (60, 60), 40), ("faint", (60, 180), 30)], ink=(58, 74, 50))
        image[40:120] = page([("Mapping and analysis", (60, 60), 40)])[40:120]
        boxes = [(50, 55, 480, 110), (55, 180, 140, 220), (300, 20, 330, 40)]
        upright = [[left, right, top, bottom] for left, top, right, bottom in boxes]
        slanted = [[[60, 60], [400, 100], [395, 150], [55, 110]]]
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it asks for pinned memory where there is no card
            expected = reader.recognize(grey, upright, slanted, reformat=False)
        regions = [Region.upright((a / 640, b / 360, c / 640, d / 360)) for a, b, c, d in boxes]
        regions.append(Region(tuple((x / 640, y / 360) for x, y in slanted[0])))  # type: ignore[arg-type]
        found = engine.recognise(image, regions)
        for lines, (_, text, confidence) in zip(found, expected, strict=True):
            assert "".join(line.text for line in lines) == " ".join(text.split())
            assert [line.confidence for line in lines] == pytest.approx([confidence][: len(lines)], rel=1e-3)
        assert sum(len(lines) for lines in found) >= 3

    def test_only_letters_of_the_languages_are_read(self, engine: EasyText) -> None:
        loaded = engine._loaded
        assert loaded is not None
        ignored = {loaded.converter.character[number] for number in loaded.ignored}
        assert not ignored & set("aZ09 .€")
        arabic = EasyText(settings(weights.folder(), "fa"))
        lines = [
            one
            for lines in arabic.recognise(page([("abc", (20, 20), 30)], (200, 80)), [Region.upright((0, 0, 1, 1))])
            for one in lines
        ]
        assert arabic._loaded is not None
        assert arabic._loaded.reader.model_lang == "arabic"
        assert "ګ" not in "".join(line.text for line in lines)
        assert len(arabic._loaded.ignored) > 0


class TestFiles:
    def test_nothing_of_the_process_is_changed(self) -> None:
        device.prepare(settings(None))  # sets what all engines of torch want
        path, environment = list(sys.path), dict(os.environ)
        made = EasyText(settings(weights.folder()))
        made.recognise(page([], (64, 48)), [Region.upright((0, 0, 1, 1))])
        assert sys.path == path
        assert dict(os.environ) == environment
        assert not (Path.home() / ".EasyOCR").exists()

    def test_its_revision_names_the_network(self) -> None:
        assert EasyText(settings(weights.folder())).revision == "easyocr 1.7.2 english_g2"
        assert EasyText(settings(weights.folder(), "en", "de")).revision == "easyocr 1.7.2 latin_g2"

    def test_the_files_are_looked_for_where_they_may_be(self, tmp_path: Path) -> None:
        def put(folder: Path) -> None:
            folder.mkdir(parents=True)
            for name in (DETECTOR, "english_g2.pth"):
                (folder / name).symlink_to(weights.folder() / name)

        assert not EasyText.check(settings(None)).ready
        put(Path.home() / ".EasyOCR" / "model")
        assert EasyText.check(settings(None)).ready
        assert not EasyText.check(settings(tmp_path)).ready  # a folder that was named is the only one
        put(tmp_path / "named" / "model")
        assert EasyText.check(settings(tmp_path / "named")).ready
        put(tmp_path / "models" / "easyocr")
        ours = settings(None, models=str(tmp_path / "models"))
        assert module._folder(network(["en"])[0], ours) == tmp_path / "models" / "easyocr"

    def test_missing_files_are_named_with_what_helps(self, tmp_path: Path) -> None:
        status = EasyText.check(settings(tmp_path, "ru"))
        assert not status.ready
        assert status.reason == f"{DETECTOR} and cyrillic_g2.pth not in {tmp_path}"
        assert "--engine text=easyocr" in str(status.fix)
        with pytest.raises(EngineUnavailable, match=r"craft_mlt_25k\.pth.*https://github"):
            EasyText(settings(tmp_path)).detect(page([]))

    def test_a_changed_file_is_not_opened(self, tmp_path: Path) -> None:
        for name in (DETECTOR, "english_g2.pth"):
            (tmp_path / name).write_bytes(b"import os")
        with pytest.raises(EngineFailed, match=r"not the file it should be.*allowed: MD5"):
            EasyText(settings(tmp_path)).detect(page([]))

    def test_nothing_in_a_file_is_run(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Even a file of the right hash: a pickle that would run something is refused."""
        import torch

        class Evil:
            def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
                return (tmp_path / "was-here").touch, ()

        torch.save({"module.weight": Evil()}, tmp_path / DETECTOR)
        (tmp_path / "english_g2.pth").symlink_to(weights.folder() / "english_g2.pth")
        monkeypatch.setattr(module, "_file", lambda folder, facts, may_fetch: folder / facts["filename"])
        with pytest.raises(EngineFailed, match="text recognition broke"):
            EasyText(settings(tmp_path)).detect(page([]))
        assert not (tmp_path / "was-here").exists()

    @pytest.fixture
    def online(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """A network that has EasyOCR's archives; the addresses that were asked for."""
        import easyocr.utils

        asked: list[str] = []

        def retrieve(url: str, to: str, **_: Any) -> None:
            asked.append(url)
            name = {"craft_mlt_25k.zip": DETECTOR}.get(url.rpartition("/")[2], "english_g2.pth")
            with ZipFile(to, "w") as archive:
                archive.write(weights.folder() / name, name)

        monkeypatch.delenv("HF_HUB_OFFLINE")
        monkeypatch.setattr(easyocr.utils, "urlretrieve", retrieve)
        return asked

    def test_it_fetches_only_when_asked_for_by_name(self, tmp_path: Path, online: list[str]) -> None:
        named = {"engines": {"text": "easyocr"}}
        for forbidden in ({}, {**named, "offline": True}, {**named, "download": "never"}, {"download": "auto"}):
            with pytest.raises(EngineUnavailable):
                EasyText(settings(tmp_path / "files", **forbidden)).detect(page([]))
        assert online == []
        allowed = settings(tmp_path / "files", **named)
        assert EasyText.check(allowed).ready
        assert "fetched when needed" in EasyText.check(allowed).reason
        EasyText(allowed).recognise(page([], (64, 48)), [])
        assert [url.rpartition("/")[2] for url in online] == ["craft_mlt_25k.zip", "english_g2.zip"]
        assert sorted(file.name for file in (tmp_path / "files").iterdir()) == [DETECTOR, "english_g2.pth"]
        assert "on this machine" in EasyText.check(allowed).reason

    def test_an_unreachable_network_is_said(
        self, tmp_path: Path, online: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import easyocr.utils

        def unreachable(*_: Any, **__: Any) -> None:
            raise OSError("no route to host")

        monkeypatch.setattr(easyocr.utils, "urlretrieve", unreachable)
        with pytest.raises(EngineUnavailable, match=r"could not be fetched \(no route to host\).*put it at"):
            EasyText(settings(tmp_path, engines={"text": "easyocr"})).detect(page([]))
        assert list(tmp_path.iterdir()) == []


class TestLanguages:
    def test_our_table_is_easyocrs(self) -> None:
        import easyocr.config as theirs

        models = theirs.recognition_models
        ours = {own for one in NETWORKS for own in one.codes.values()}
        assert ours <= set(theirs.all_lang_list)
        # Angika there, Old English everywhere else; the others lack their list of letters.
        assert set(theirs.all_lang_list) - ours <= {"ang", "bgc", "mni", "sa"}
        for one in NETWORKS:
            assert models[f"gen{one.generation}"][one.name]["filename"] == one.file
        assert theirs.detection_models["craft"]["filename"] == DETECTOR

    @pytest.mark.parametrize("wanted", [network(["en"])[0], *NETWORKS], ids=lambda one: one.name)
    def test_easyocr_takes_the_same_network(self, wanted: Any, tmp_path: Path) -> None:
        import easyocr

        before = list(sys.path)
        # The first and the last; all others need their list of letters only.
        assert all(
            (Path(easyocr.__file__).parent / "character" / f"{own}_char.txt").is_file() for own in wanted.codes.values()
        )
        for iso, own in [*wanted.codes.items()][:: max(1, len(wanted.codes) - 1)]:
            chosen, codes = network([iso, "en"])
            assert chosen.name == (wanted.name if iso != "en" else "english_g2")
            made = easyocr.Reader(
                codes,
                gpu=False,
                detector=False,
                recognizer=False,
                verbose=False,
                model_storage_directory=str(tmp_path),
                user_network_directory=str(tmp_path),
            )
            assert (
                made.character
                == easyocr.config.recognition_models[f"gen{chosen.generation}"][chosen.name]["characters"]
            )
            assert own in codes
        sys.path[:] = before

    @pytest.mark.parametrize(
        ("languages", "name", "codes"),
        [
            (["en"], "english_g2", ["en"]),
            (["eng"], "english_g2", ["en"]),
            (["de"], "latin_g2", ["de"]),
            (["en", "fra", "nb"], "latin_g2", ["en", "fr", "no"]),
            (["rus", "en"], "cyrillic_g2", ["ru", "en"]),
            (["sr"], "cyrillic_g2", ["rs_cyrillic"]),
            (["sr-Latn"], "latin_g2", ["rs_latin"]),
            (["zh"], "zh_sim_g2", ["ch_sim"]),
            (["zh-CN"], "zh_sim_g2", ["ch_sim"]),
            (["zh_TW"], "zh_tra_g1", ["ch_tra"]),
            (["pt-BR"], "latin_g2", ["pt"]),
        ],
    )
    def test_codes_are_understood_in_every_edition(self, languages: list[str], name: str, codes: list[str]) -> None:
        found, own = network(languages)
        assert (found.name, own) == (name, codes)

    def test_an_unknown_language_is_refused_with_those_that_are_known(self) -> None:
        with pytest.raises(SettingsError, match=r"'el'; allowed: .*\bde\b.*\bru\b"):
            network(["en", "el"])
        with pytest.raises(SettingsError, match="one script at a time"):
            network(["ja", "ru"])
        status = EasyText.check(settings(weights.folder(), "el"))
        assert not status.ready
        assert "does not read this language" in status.reason

    def test_the_bundled_engine_says_what_it_does_not_read(self, tmp_path: Path) -> None:
        assert not_bundled(["en", "de", "zh", "ja", "rus", "vi", "nb"]) == ["rus", "vi"]
        alone = settings(None, "en", "ru")
        status = RapidText.check(alone)
        assert status.ready
        assert "does not read ru" in status.reason
        (notice,) = RapidText(alone).notices
        assert notice.startswith("on-screen text in ru is not read by rapidocr; ")
        assert RapidText(settings(None, "en", "fr")).notices == []
        assert RapidText.check(settings(None)).reason.startswith("bundled with")

    def test_easyocr_is_taken_where_it_alone_reads_the_language(self) -> None:
        persian = settings(weights.folder(), "fa")
        choice = engines.choose("text", persian)
        assert choice.name == "easyocr"
        assert "does not read fa" in choice.passed_over["rapidocr"].reason
        named = settings(weights.folder(), "fa", engines={"text": "rapidocr"})
        assert engines.choose("text", named).name == "rapidocr"
        assert engines.choose("text", settings(None, "en")).name == "rapidocr"
