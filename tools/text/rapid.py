"""The bundled text recogniser: PP-OCRv6 through RapidOCR and onnxruntime, weights inside the wheel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import ClassVar, TypeVar

import numpy as np

from vagent.configs import Settings
from vagent.errors import EngineFailed
from vagent.tools.engines import Status
from vagent.tools.text import Image, Places, Region, TextLine
from vagent.tools.text.detector import Detector
from vagent.tools.text.easy import EasyText
from vagent.tools.text.layout import reading_order
from vagent.tools.text.likeness import alike, letters
from vagent.tools.text.recogniser import Reading, Recogniser
from vagent.tools.text.scripts import not_bundled

_MODELS = ("PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx")
_CUBIC, _CUBIC_ROW = 1.5, 38  # small type is enlarged so many times, or to so many pixels of height, before it is read
_SURE = 0.98  # confidence from which a tall region is not suspected to hold two lines
_TALL = 0.1  # part of the picture's height from which it is
_UNSURE = 0.93  # confidence below which mirrored text is considered
_CLEARLY_BETTER = 0.08  # confidence that a mirrored reading must gain
_MOST_THREADS = 4  # on one picture: its steps are so short that more threads mostly wait for each other


_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class _Loaded:
    detector: Detector
    recogniser: Recogniser


class RapidText:
    """``TextEngine`` over RapidOCR: Latin scripts, Chinese and Japanese; may be called from several threads at once."""

    name: ClassVar[str] = "rapidocr"
    weak: ClassVar[bool] = False

    def __init__(self, settings: Settings) -> None:
        self._side = settings.text.detect_side
        # Half of the cores at most, for the others decode meanwhile: two threads cost 7 % more processor time than one,
        # four 20 %. Where there are two cores, which decoding, hearing and reading keep busy, there is one.
        self._threads = max(1, min(_MOST_THREADS, settings.cores // 2))
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

    def close(self) -> None:
        """Let go of the networks, and of the memory that they work in, once the calls that run have ended."""
        with self._lock:
            self._loaded = None

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

    def _read_any_way(self, crop: Image) -> Reading:
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

    def _two_lines(self, crop: Image, whole: Reading) -> list[Reading]:
        """The upper and the lower half as lines of their own, where they read better so: big titles set tight."""
        middle = crop.shape[0] // 2
        halves: list[Reading] = []
        for half in (crop[:middle], crop[middle:]):
            halves.append(self._read(half))
            if halves[-1].confidence < 0.8 or letters(halves[-1].text) < 2:
                return []
        if alike(halves[0].text, halves[1].text, 0.6):
            return []  # two halves of the same letters
        more = sum(letters(h.text) for h in halves) > 1.3 * letters(whole.text)
        gain = sum(h.confidence for h in halves) / 2 - whole.confidence
        return halves if gain > 0 or (more and gain > -0.03) else []

    def _read(self, crop: Image) -> Reading:
        return self._call(lambda loaded: loaded.recogniser.read(crop))

    def _call(self, work: Callable[[_Loaded], _Result]) -> _Result:
        try:
            return work(self._load())
        except Exception as error:
            raise EngineFailed(
                "text recognition broke", f"{type(error).__name__}: {error}", hint="leave it out: --engine text=off"
            ) from error

    def _load(self) -> _Loaded:
        with self._lock:
            if self._loaded is None:
                detector, recogniser = (_weights(name) or Path(name) for name in _MODELS)
                self._loaded = _Loaded(Detector(detector, self._threads), Recogniser(recogniser, self._threads))
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
    # Small type is enlarged in two steps, cubic here and linear in the recogniser: cubic alone loses the spaces
    # between words, linear alone the thin strokes.
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
