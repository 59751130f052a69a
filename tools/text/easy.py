"""EasyOCR: the CRAFT detector and a recogniser for each script, for languages that the bundled engine does not read.

Baek et al., "Character region awareness for text detection", CVPR 2019, arXiv:1904.01941; Shi, Bai and Yao, "An
end-to-end trainable neural network for image-based sequence recognition", arXiv:1507.05717.

EasyOCR's networks, its choice of letters and its reading of the detector's maps are used as they are. Its own loading
is not: it unpickles whatever lies in the file, spreads models over all cards, and keeps a folder on the import path.
"""

from __future__ import annotations

import hashlib
import math
import os
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vagent.configs import Settings
from vagent.errors import EngineFailed, EngineUnavailable, SettingsError, VagentError
from vagent.tools import device
from vagent.tools.engines import Status
from vagent.tools.text import Image, Places, Region, TextLine
from vagent.tools.text.layout import reading_order
from vagent.tools.text.likeness import clean
from vagent.tools.text.scripts import DETECTOR, Network, network
from vagent.tools.weights.hub import offline
from vagent.tools.weights.local import downloads

if TYPE_CHECKING:
    import torch

_ROW = 64  # pixels of height that the recogniser reads
_MOST_ENLARGED = 3.0  # times that a small picture is enlarged for the detector, at most
_SMALLEST = 8  # pixels of the longer side of a line, in the picture that the detector sees, at least
_WORD_GAP = 0.7  # heights of type between two words of one line, at most
_FAINT = 0.1  # confidence below which a line is read again with more contrast ...
_CONTRAST = 0.5  # ... of so much
_TURNED = 1.5  # times that a line is higher than wide from which it may run upwards
_TOGETHER = 16  # lines read at once, at most

Grey = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class _Loaded:
    reader: Any  # easyocr.Reader, with networks that were loaded here
    recogniser: Any
    converter: Any
    ignored: NDArray[np.int64]  # letters of the network that the languages do not have
    where: torch.device


class EasyText:
    """``TextEngine`` over EasyOCR, for the languages in ``text.languages``. One thread reads at a time."""

    name: ClassVar[str] = "easyocr"
    weak: ClassVar[bool] = False

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._side = settings.text.detect_side
        self._lock = threading.Lock()
        self._loaded: _Loaded | None = None

    @property
    def revision(self) -> str:
        """Name, version and network, ``"easyocr 1.7.2 latin_g2"``; each version knows its files by their hash."""
        return f"{self.name} {version('easyocr')} {network(self._settings.text.languages)[0].name}"

    @classmethod
    def check(cls, settings: Settings) -> Status:
        """Ready where EasyOCR is installed, reads the languages, and has its files or may fetch them."""
        lacking = [package for package in ("torch", "easyocr") if find_spec(package) is None]
        if lacking:
            return Status(False, f"{' and '.join(lacking)} not installed", "pip install 'vagent[easyocr]'")
        try:
            wanted, _ = network(settings.text.languages)
        except SettingsError as error:
            return Status(False, str(error), "set text.languages")
        folder = _folder(wanted, settings)
        if missing := _missing(folder, wanted):
            reason = f"{' and '.join(missing)} not in {folder}"
            if _may_fetch(settings):
                return Status(True, f"{reason}: fetched when needed")
            return Status(False, reason, "put them there, or let them be fetched: --engine text=easyocr")
        return Status(True, f"{wanted.name} is on this machine")

    def detect(self, image: Image, *, fine: bool = False, where: Places | None = None) -> Sequence[Region]:
        """Where lines of text are, in reading order; small pictures are enlarged first, so that small type is found.
        ``fine`` looks at twice the size, as far as the picture has it. What lies outside of ``where`` comes too.

        Raises:
            EngineUnavailable: the files are not here and cannot be fetched.
            EngineFailed: the detector broke.
        """
        import cv2

        height, width = image.shape[:2]
        longest = max(height, width)
        side = max(self._side, min(longest, 2 * self._side)) if fine else self._side
        scale = min(side / longest, _MOST_ENLARGED)
        size = max(32, round(width * scale)), max(32, round(height * scale))
        scaled = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA)
        with self._reading() as loaded:
            upright, tilted = loaded.reader.detect(
                cv2.cvtColor(scaled, cv2.COLOR_BGR2RGB),
                min_size=_SMALLEST,
                canvas_size=max(size),
                width_ths=_WORD_GAP,
                reformat=False,
            )
        quads = [[(x0, y0), (x1, y0), (x1, y1), (x0, y1)] for x0, x1, y0, y1 in upright[0]] + list(tilted[0])
        parts = [np.clip(np.asarray(quad, np.float64) / size, 0.0, 1.0) for quad in quads]
        regions = [Region(tuple((float(x), float(y)) for x, y in part)) for part in parts]  # type: ignore[arg-type]
        order = reading_order([region.box for region in regions], width / height)
        return [regions[number] for number in order]

    def recognise(self, image: Image, regions: Sequence[Region]) -> Sequence[Sequence[TextLine]]:
        """What is written in each region; what is much higher than wide is read as it stands and turned.

        Raises:
            EngineUnavailable: the files are not here and cannot be fetched.
            EngineFailed: the recogniser broke.
        """
        import cv2

        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        ways = [_ways(_crop(grey, region)) for region in regions]
        with self._reading() as loaded:
            read = iter(_read(loaded, [row for rows in ways for row in rows]))
        best = [max((next(read) for _ in rows), key=lambda one: one[1], default=("", 0.0)) for rows in ways]
        return [
            [TextLine(region.box, text, confidence)] if text else []
            for region, (text, confidence) in zip(regions, best, strict=True)
        ]

    def close(self) -> None:
        """Let go of the networks; the next call loads them anew."""
        with self._lock:
            self._loaded = None

    @contextmanager
    def _reading(self) -> Iterator[_Loaded]:
        with self._lock:
            try:
                if self._loaded is None:
                    self._loaded = _load(self._settings)
                yield self._loaded
            except VagentError:
                raise
            except Exception as error:  # torch and EasyOCR have no base of their errors
                raise EngineFailed(
                    "text recognition broke", f"{type(error).__name__}: {error}", hint="leave it out: --engine text=off"
                ) from error


def _crop(grey: Grey, region: Region) -> Grey | None:
    """The region as an upright picture; None where nothing is left of it."""
    from easyocr.utils import four_point_transform

    height, width = grey.shape
    corners = np.array(region.corners) * (width, height)
    left, top, right, bottom = (round(v * s) for v, s in zip(region.box, (width, height, width, height), strict=True))
    if right - left < 3 or bottom - top < 3:
        return None
    if region == Region.upright(region.box):
        return grey[top:bottom, left:right]
    crop: Grey = four_point_transform(grey, corners.astype(np.float32))
    return crop if min(crop.shape) >= 3 else None


def _ways(crop: Grey | None) -> list[Grey]:
    """The rows of the recogniser's height that a crop may be."""
    import cv2

    if crop is None:
        return []
    high, wide = crop.shape
    ways = [crop, np.rot90(crop)] if high > _TURNED * wide else [crop]
    sizes = [(max(1, int(_ROW * way.shape[1] / way.shape[0])), _ROW) for way in ways]
    # Linear, as EasyOCR's own: the recogniser was trained on it.
    return [cv2.resize(way, size, interpolation=cv2.INTER_LINEAR) for way, size in zip(ways, sizes, strict=True)]


def _read(loaded: _Loaded, rows: Sequence[Grey]) -> list[tuple[str, float]]:
    """Text and confidence of each row; the faint ones get a second try."""
    from easyocr.recognition import adjust_contrast_grey

    found = _recognised(loaded, rows)
    faint = [number for number, (_, confidence) in enumerate(found) if confidence < _FAINT]
    again = _recognised(loaded, [adjust_contrast_grey(rows[number], target=_CONTRAST) for number in faint])
    for number, other in zip(faint, again, strict=True):
        if other[1] >= found[number][1]:
            found[number] = other
    return [(clean(text), confidence) for text, confidence in found]


def _recognised(loaded: _Loaded, rows: Sequence[Grey]) -> list[tuple[str, float]]:
    """Rows that end up equally wide go through the network together; a row is not read otherwise for its company."""
    widths = [_ROW * max(1, math.ceil(row.shape[1] / _ROW)) for row in rows]
    found: dict[int, tuple[str, float]] = {}
    for width in sorted(set(widths)):
        same = [number for number, own in enumerate(widths) if own == width]
        for first in range(0, len(same), _TOGETHER):
            some = same[first : first + _TOGETHER]
            found |= zip(some, _batch(loaded, [rows[number] for number in some], width), strict=True)
    return [found[number] for number in range(len(rows))]


def _batch(loaded: _Loaded, rows: Sequence[Grey], width: int) -> list[tuple[str, float]]:
    import torch
    from easyocr.recognition import custom_mean

    padded = np.stack([np.pad(row, ((0, 0), (0, width - row.shape[1])), mode="edge") for row in rows])
    values = torch.from_numpy(padded).to(loaded.where).float().div(127.5).sub(1.0).unsqueeze(1)
    with torch.inference_mode():
        chances = loaded.recogniser(values, None).softmax(dim=2).cpu().numpy()
    chances[:, :, loaded.ignored] = 0.0
    chances /= chances.sum(axis=2, keepdims=True)
    letters, sure = chances.argmax(axis=2), chances.max(axis=2)
    lengths = [letters.shape[1]] * len(rows)
    texts = loaded.converter.decode_greedy(letters.ravel(), lengths)
    if loaded.reader.model_lang == "arabic":
        from bidi import get_display  # type: ignore[import-untyped, unused-ignore]

        texts = [get_display(text) for text in texts]  # the network reads from left to right
    sums = [float(custom_mean(s[i != 0])) if (i != 0).any() else 0.0 for s, i in zip(sure, letters, strict=True)]
    return list(zip(texts, sums, strict=True))


def _load(settings: Settings) -> _Loaded:
    wanted, codes = network(settings.text.languages)
    folder = _folder(wanted, settings)
    torch = device.prepare(settings)
    where = device.device(settings)
    with _contained():
        from easyocr import Reader, config
        from easyocr.craft import CRAFT
        from easyocr.detection import get_textbox
        from easyocr.utils import CTCLabelConverter

        with tempfile.TemporaryDirectory() as nothing:
            reader = Reader(
                codes,
                gpu=str(where),
                model_storage_directory=str(folder) if folder.is_dir() else nothing,
                user_network_directory=nothing,
                download_enabled=False,
                detector=False,
                recognizer=False,
                verbose=False,
            )
        facts = config.recognition_models[f"gen{wanted.generation}"][wanted.name]
        files = [_file(folder, one, _may_fetch(settings)) for one in (config.detection_models["craft"], facts)]
        converter = CTCLabelConverter(reader.character)
        size = 512 if wanted.generation == 1 else 256
        shape = {"input_channel": 1, "output_channel": size, "hidden_size": size}
        with torch.device("meta"):  # without numbers, which the files bring
            detector, recogniser = CRAFT(), _network(wanted)(**shape, num_class=len(converter.character))
        reader.get_textbox, reader.detector = get_textbox, _filled(detector, files[0], where)
        ignored = [n + 1 for n, letter in enumerate(reader.character) if letter not in reader.lang_char]
        return _Loaded(reader, _filled(recogniser, files[1], where), converter, np.array(ignored, np.int64), where)


def _network(wanted: Network) -> Any:
    if wanted.generation == 1:
        from easyocr.model.model import Model
    else:
        from easyocr.model.vgg_model import Model
    return Model


def _filled(empty: Any, file: Path, where: torch.device) -> Any:
    """A network with its weights; nothing in the file is run."""
    import torch

    weights = torch.load(file, map_location="cpu", weights_only=True)
    empty.load_state_dict({name.removeprefix("module."): value for name, value in weights.items()}, assign=True)
    return empty.eval().to(where)


def _file(folder: Path, facts: dict[str, str], may_fetch: bool) -> Path:
    """A file of EasyOCR's, checked; fetched first where that is allowed.

    Raises:
        EngineUnavailable: it is not here, and not to be fetched.
        EngineFailed: it is another file than EasyOCR knows.
    """
    file = folder / facts["filename"]
    if not file.is_file():
        if not may_fetch:
            raise EngineUnavailable("a model of easyocr is not on this machine", str(file), hint=f"get {facts['url']}")
        _fetch(file, facts["url"])
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if found != facts["md5sum"]:
        raise EngineFailed(
            "a model of easyocr is not the file it should be",
            f"{file} (MD5 {found})",
            allowed=f"MD5 {facts['md5sum']}",
            hint=f"get it again: {facts['url']}",
        )
    return file


def _fetch(file: Path, url: str) -> None:
    """EasyOCR's own download, beside the place, so that what is in the place is always whole."""
    from zipfile import BadZipFile

    from easyocr.utils import download_and_unzip

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=file.parent) as beside:
            download_and_unzip(url, file.name, beside, False)
            (Path(beside) / file.name).replace(file)
    except (OSError, BadZipFile, KeyError) as error:
        raise EngineUnavailable(
            f"a model of easyocr could not be fetched ({error})", url, hint=f"put it at {file}"
        ) from error


def _may_fetch(settings: Settings) -> bool:
    return settings.engines.text == EasyText.name and settings.download != "never" and not offline(settings)


def _missing(folder: Path, wanted: Network) -> list[str]:
    return [file for file in (DETECTOR, wanted.file) if not (folder / file).is_file()]


def _folder(wanted: Network, settings: Settings) -> Path:
    """Where the files are; where they are not yet, the folder that they belong in."""
    if settings.text.model is not None:
        given = settings.text.model.expanduser()
        places = [given, given / "model"]
    else:
        own = os.environ.get("EASYOCR_MODULE_PATH") or "~/.EasyOCR"
        places = [downloads(settings) / EasyText.name, Path(own).expanduser() / "model"]
    return next((place for place in places if not _missing(place, wanted)), places[0])


@contextmanager
def _contained() -> Iterator[None]:
    """EasyOCR puts folders on the import path and sets an environment variable: both are as before afterwards."""
    path, name = list(sys.path), "LRU_CACHE_CAPACITY"
    before = os.environ.get(name)
    try:
        yield
    finally:
        sys.path[:] = [entry for entry in sys.path if entry in path]
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before
