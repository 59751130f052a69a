"""The bundled text recogniser: PP-OCRv6 through RapidOCR and onnxruntime, weights inside the wheel."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from statistics import median_low
from threading import Lock
from typing import Any, ClassVar

import numpy as np

from vagent.configs import Settings
from vagent.errors import EngineFailed
from vagent.tools.denormals import as_zero
from vagent.tools.engines import Status
from vagent.tools.text import Image, Places, Region, TextLine
from vagent.tools.text.detector import Detector
from vagent.tools.text.easy import EasyText
from vagent.tools.text.layout import reading_order
from vagent.tools.text.likeness import alike, clean, letters
from vagent.tools.text.scripts import not_bundled

_MODELS = ("PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx")
_ROW = 48  # pixels of height that the recogniser reads
_LONGEST_ROW = 3200  # pixels of width of one line, at most
_CUBIC, _CUBIC_ROW = 1.5, 38  # small type is enlarged so many times, or to so many pixels of height, before _read
_SPECK = re.compile(r"(?<=[a-zß-öø-ÿ])·(?=[A-ZÀ-ÖØ-Þ])")  # dirt between two words; Catalan's dot is in one
_SURE = 0.98  # confidence from which a tall region is not suspected to hold two lines
_TALL = 0.1  # part of the picture's height from which it is
_UNSURE = 0.93  # confidence below which mirrored text is considered
_CLEARLY_BETTER = 0.08  # confidence that a mirrored reading must gain

_PARAMETERS = {
    "Global.log_level": "critical",
    "Global.text_score": 0.0,
    "Global.use_cls": False,  # the angle classifier turns correct lines upside down
    "Global.use_preprocess_img": False,
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,  # threads spin; several callers are faster than several threads
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    "Rec.rec_batch_num": 1,  # batches are padded to their widest line, which costs more than it saves
}


@dataclass(frozen=True, slots=True)
class _Reading:
    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class _Loaded:
    detector: Detector
    recogniser: Any  # rapidocr.RapidOCR, without its detector


_NOTHING = _Reading("", 0.0)


class RapidText:
    """``TextEngine`` over RapidOCR: Latin scripts, Chinese and Japanese; may be called from several threads at once."""

    name: ClassVar[str] = "rapidocr"
    weak: ClassVar[bool] = False

    def __init__(self, settings: Settings) -> None:
        self._side = settings.text.detect_side
        self._lock = Lock()
        self._loaded: _Loaded | None = None
        self.notices = _gaps(settings)

    @property
    def revision(self) -> str:
        """Name and version, ``"rapidocr 3.10.0"``."""
        return f"{self.name} {version('rapidocr')}"

    @classmethod
    def check(cls, settings: Settings) -> Status:
        """Ready where rapidocr, its bundled weights and onnxruntime are installed; not by itself where EasyOCR is, and
        the settings name languages or models that are EasyOCR's.
        """
        for package in ("rapidocr", "onnxruntime"):
            spec = find_spec(package)
            if spec is None:
                return Status(False, f"{package} is not installed", f"pip install {package}")
            if package == "rapidocr" and None in map(_weights, _MODELS):
                return Status(False, "rapidocr lacks its bundled weights", "pip install --force-reinstall rapidocr")
        try:
            bundled = f"bundled with rapidocr {version('rapidocr')}"
        except PackageNotFoundError:
            return Status(False, "rapidocr's installation is damaged", "pip install --force-reinstall rapidocr")
        return _preferred(settings, bundled)

    def detect(self, image: Image, *, fine: bool = False, where: Places | None = None) -> Sequence[Region]:
        """Where lines of text are, in reading order; small pictures are enlarged first, so that small type is found.
        ``fine`` looks at twice the size, as far as the picture has it.

        Raises:
            EngineFailed: the detector broke.
        """
        height, width = image.shape[:2]
        longest = max(height, width)
        side = max(self._side, min(longest, 2 * self._side)) if fine else self._side
        corners = self._call(lambda loaded: loaded.detector.quads(image, side, where))
        regions = [Region(tuple((float(x), float(y)) for x, y in quad)) for quad in corners]  # type: ignore[arg-type]
        order = reading_order([r.box for r in regions], width / height)
        return [regions[i] for i in order]

    def recognise(self, image: Image, regions: Sequence[Region]) -> Sequence[Sequence[TextLine]]:
        """What is written in each region; mirrored text (a selfie camera) is read as it was meant.

        Raises:
            EngineFailed: the recogniser broke.
        """
        return [self._lines(image, region) for region in regions]

    def _lines(self, image: Image, region: Region) -> list[TextLine]:
        crop = _crop(image, region)
        if crop is None:
            return []
        whole = self._read_any_way(crop)
        box = region.box
        if whole.confidence < _SURE and box[3] - box[1] > _TALL and crop.shape[1] < 5 * crop.shape[0]:
            halves = self._two_lines(crop, whole)
            if halves:
                parts = _halves(region)
                return [TextLine(p.box, h.text, h.confidence) for p, h in zip(parts, halves, strict=True)]
        if not whole.text:
            return []
        return [TextLine(box, whole.text, whole.confidence)]

    def _read_any_way(self, crop: Image) -> _Reading:
        """The crop as it stands, or turned where it stands upright like vertical writing, or mirrored."""
        height, width = crop.shape[:2]
        ways = [crop]
        if height >= 1.5 * width:
            ways = [np.rot90(crop), crop] if height < 3 * width else [np.rot90(crop)]
        best = max((self._read(way) for way in ways), key=lambda r: r.confidence)
        if best.confidence < _UNSURE and letters(best.text) > 2:
            mirrored = self._read(ways[0][:, ::-1])
            if mirrored.confidence >= max(_UNSURE, best.confidence + _CLEARLY_BETTER) and letters(mirrored.text) > 2:
                return mirrored
        return best

    def _two_lines(self, crop: Image, whole: _Reading) -> list[_Reading]:
        """The upper and the lower half as lines of their own, where they read better so: big titles set tight."""
        middle = crop.shape[0] // 2
        halves = [self._read(crop[:middle]), self._read(crop[middle:])]
        if min(h.confidence for h in halves) < 0.8 or not all(letters(h.text) > 1 for h in halves):
            return []
        if alike(halves[0].text, halves[1].text, 0.6):
            return []  # two halves of the same letters
        more = sum(letters(h.text) for h in halves) > 1.3 * letters(whole.text)
        gain = sum(h.confidence for h in halves) / 2 - whole.confidence
        return halves if gain > 0 or (more and gain > -0.03) else []

    def _read(self, crop: Image) -> _Reading:
        """One line, scaled to the recogniser's height."""
        import cv2

        height, width = crop.shape[:2]
        if height < 2 or width < 2:
            return _NOTHING
        size = min(_LONGEST_ROW, max(8, round(width * _ROW / height))), _ROW
        how = cv2.INTER_AREA if height > _ROW else cv2.INTER_LINEAR
        row = cv2.resize(np.ascontiguousarray(crop), size, interpolation=how)
        result = self._call(lambda loaded: loaded.recogniser(row))
        if not result.txts:
            return _NOTHING
        text = _SPECK.sub(" ", _spaced(result.txts[0], _columns(result)))
        return _Reading(clean(text), float(result.scores[0]))

    def _call(self, work: Callable[[_Loaded], Any]) -> Any:
        try:
            loaded = self._load()
            with as_zero():
                return work(loaded)
        except Exception as error:
            raise EngineFailed(
                "text recognition broke", f"{type(error).__name__}: {error}", hint="leave it out: --engine text=off"
            ) from error

    def _load(self) -> _Loaded:
        with self._lock:
            if self._loaded is None:
                from rapidocr import RapidOCR

                recogniser = RapidOCR(params={**_PARAMETERS, "Global.use_det": False, "Global.return_word_box": True})
                self._loaded = _Loaded(Detector(_weights(_MODELS[0]) or Path(_MODELS[0])), recogniser)
            return self._loaded


def _weights(name: str) -> Path | None:
    """The file of this name in RapidOCR's package; None where it is not there."""
    spec = find_spec("rapidocr")
    found = [Path(f) / "models" / name for f in (spec.submodule_search_locations or ())] if spec else []
    return next((path for path in found if path.is_file()), None)


def _preferred(settings: Settings, bundled: str) -> Status:
    """Ready, unless another engine suits the settings better and nobody asked for this one by name."""
    unread = not_bundled(settings.text.languages)
    if not unread and settings.text.model is None:
        return Status(True, bundled)
    reason = (
        f"{bundled}, which does not read {', '.join(unread)}" if unread else f"{bundled}; text.model is not its own"
    )
    other = EasyText.check(settings)
    if other.ready and settings.engines.text != RapidText.name:
        return Status(False, f"{reason}; {EasyText.name} does")
    return Status(True, reason, other.fix)


def _gaps(settings: Settings) -> list[str]:
    """What the user should know about the languages that were asked for."""
    unread = not_bundled(settings.text.languages)
    if not unread:
        return []
    fix = EasyText.check(settings).fix
    return [f"on-screen text in {', '.join(unread)} is not read by {RapidText.name}" + (f"; {fix}" if fix else "")]


def _crop(image: Image, region: Region) -> Image | None:
    """The region as an upright picture, small type enlarged; None where nothing is left of it."""
    import cv2

    height, width = image.shape[:2]
    corners = (np.array(region.corners) * (width, height)).astype(np.float32)
    top, right, bottom, left = (float(np.linalg.norm(corners[i] - corners[(i + 1) % 4])) for i in range(4))
    if min(max(top, bottom), max(left, right)) < 3:
        return None
    # Small type is enlarged in two steps, cubic here and linear in _read: cubic alone loses the spaces between words,
    # linear alone the thin strokes.
    scale = max(1.0, min(_CUBIC, _CUBIC_ROW / max(left, right)))
    across, down = round(scale * max(top, bottom)), round(scale * max(left, right))
    target = np.array([(0, 0), (across, 0), (across, down), (0, down)], np.float32)
    turn = cv2.getPerspectiveTransform(corners, target)
    crop: Image = cv2.warpPerspective(
        image, turn, (across, down), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return crop


def _halves(region: Region) -> tuple[Region, Region]:
    one, two, three, four = region.corners
    left = ((one[0] + four[0]) / 2, (one[1] + four[1]) / 2)
    right = ((two[0] + three[0]) / 2, (two[1] + three[1]) / 2)
    return Region((one, two, right, left)), Region((left, right, three, four))


def _columns(result: Any) -> list[int]:
    """Where the recogniser saw each letter that is no space, in steps along the line; empty where it does not say."""
    words = getattr(result, "word_results", None)
    found = getattr(words[0], "word_cols", None) if words else None
    return [int(c) for word in found or () for c in word]


def _spaced(text: str, columns: Sequence[int]) -> str:
    """Spaces put back where words were glued: after a comma, and before a capital that stands clearly apart."""
    places = [i for i, c in enumerate(text) if not c.isspace()]
    if len(places) != len(columns) or len(columns) < 3:
        return text
    usual = median_low(b - a for a, b in pairwise(columns))
    out: list[str] = []
    for n, i in enumerate(places):
        if n and i == places[n - 1] + 1 and _glued(text[i - 1], text[i], columns[n] - columns[n - 1], usual):
            out.append(" ")
        out.append(text[places[n - 1] + 1 : i + 1] if n else text[: i + 1])
    return "".join(out)


def _glued(before: str, after: str, step: int, usual: float) -> bool:
    if before in ",;" and after.isalpha() and after.isascii():
        return True
    return before.islower() and after.isupper() and step >= 2 * usual
