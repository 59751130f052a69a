"""Running a network of PP-OCR: from grey levels to what it makes of them."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vagent.tools.denormals import as_zero
from vagent.tools.text import Image


class Network:
    """A network in an ONNX file that takes pictures; may be run from several threads at once.

    What it makes of a picture is the same to the last bit whatever ``threads`` and ``usual`` are.

    Args:
        weights: the file.
        threads: that work on one picture. They sleep while there is none.
        usual: pixels of a picture up to which the memory that it took is kept for the next one: to have it from the
            system anew costs nearly as much as the network itself. What a larger one took is given back.
    """

    def __init__(self, weights: Path, *, threads: int, usual: int) -> None:
        from onnxruntime import InferenceSession, RunOptions, SessionOptions

        options = SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.enable_mem_pattern = False  # there would be one for each size of picture
        if threads > 1:
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
            options.add_session_config_entry("session.set_denormal_as_zero", "1")  # in its own threads, see below
        with as_zero():  # that option would set this thread too, for good, if this were the process's first session
            self._session = InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name
        self._usual = usual
        self._giving_back = RunOptions()
        self._giving_back.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

    def __call__(self, picture: Image, width: int | None = None) -> NDArray[np.float32]:
        """What the network makes of a picture, BGR, with grey behind it up to so many pixels of width."""
        import cv2

        height, shown = picture.shape[:2]
        planes = np.zeros((1, 3, height, width or shown), np.float32)
        planes[0, :, :, :shown] = cv2.LUT(picture, self._levels).transpose(2, 0, 1)
        options = self._giving_back if planes[0, 0].size > self._usual else None
        with as_zero():
            found: NDArray[np.float32] = self._session.run(None, {self._input: planes}, options)[0]
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
