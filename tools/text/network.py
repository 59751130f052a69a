"""Running a network of PP-OCR: from grey levels to what it makes of them."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vagent.tools.denormals import as_zero
from vagent.tools.text import Image


class Network:
    """A network in an ONNX file that takes pictures; may be run from several threads at once."""

    def __init__(self, weights: Path) -> None:
        from onnxruntime import InferenceSession, SessionOptions

        options = SessionOptions()
        options.log_severity_level = 4
        # Several callers are faster than several threads.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        options.enable_mem_pattern = False  # there would be one for each size of picture
        self._session = InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def __call__(self, picture: Image, width: int | None = None) -> NDArray[np.float32]:
        """What the network makes of a picture, BGR, with grey behind it up to so many pixels of width."""
        height, shown = picture.shape[:2]
        planes = np.zeros((1, 3, height, width or shown), np.float32)
        planes[0, :, :, :shown] = self._levels[picture.transpose(2, 0, 1)]
        with as_zero():
            found: NDArray[np.float32] = self._session.run(None, {self._input: planes})[0]
        return found

    @property
    def letters(self) -> list[str]:
        """The letters that a network knows that reads."""
        known: str = self._session.get_modelmeta().custom_metadata_map["character"]
        return known.splitlines()

    @cached_property
    def _levels(self) -> NDArray[np.float32]:
        """What the network takes for each grey level: -1 to 1."""
        return np.asarray((np.arange(256, dtype=np.float32) * (1 / 255.0) - np.float64(0.5)) / 0.5, np.float32)
