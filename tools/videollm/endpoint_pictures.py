"""Pictures as an OpenAI-compatible server takes them: JPEG, or one small MP4, inside the request."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from vagent.configs import VideoLLMSettings
from vagent.errors import EngineFailed
from vagent.tools.time import format_time
from vagent.tools.videollm import Frames, Image
from vagent.tools.videollm.pictures import fitted, thin

_QUALITY = 90  # of the JPEG; the pictures were compressed once already
_TICKS = 1000  # of the MP4's clock: milliseconds
_CODEC = "libx264"


def content(frames: Frames, prompt: str, settings: VideoLLMSettings) -> str | list[dict[str, Any]]:
    """The content of the message: the pictures in order of time, then the prompt.

    Raises:
        EngineFailed: a picture cannot be encoded.
    """
    prompt = prompt.encode(errors="replace").decode()  # servers choke on half a surrogate pair
    shown = thin(sorted(frames, key=lambda frame: frame[0]), settings.frames)
    if not shown:
        return prompt
    small = [(time, _scaled(image, settings.pixels)) for time, image in shown]
    parts = _video(small) if settings.send == "video" else [part for frame in small for part in _image(*frame)]
    return [*parts, _words(prompt)]


def mp4(frames: Frames) -> bytes:
    """The frames as an MP4 in which each stands as long after the first as in the video; the last one as long as the
    one before it.

    Raises:
        EngineFailed: the encoder is missing or broke.
    """
    import av

    height, width = (max(2, side // 2 * 2) for side in frames[0][1].shape[:2])  # the encoder wants even sides
    file = io.BytesIO()
    try:
        with av.open(file, "w", format="mp4") as container:
            stream: Any = container.add_stream(
                _CODEC, rate=Fraction(25), options={"preset": "veryfast", "crf": "18", "bf": "0"}
            )
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.codec_context.time_base = stream.time_base = Fraction(1, _TICKS)
            stream.codec_context.thread_count = 1
            packets: list[Any] = []
            begin, lengths = _clock(frames)
            for (_, image), at in zip(frames, begin, strict=True):
                picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
                picture = picture.reformat(width, height, "yuv420p")
                picture.pts, picture.time_base = at, Fraction(1, _TICKS)
                packets += stream.encode(picture)
            packets += stream.encode(None)
            for packet, length in zip(packets, lengths, strict=True):  # in order of time: there are no B-frames
                packet.duration = length  # of the last one above all: servers divide frames by the whole length
                container.mux(packet)
    except (av.FFmpegError, ValueError) as error:
        hint = "set videollm.send to images"
        raise EngineFailed(f"the pictures cannot be made a video ({error})", _CODEC, hint=hint) from error
    return file.getvalue()


def _clock(frames: Frames) -> tuple[list[int], list[int]]:
    """When each frame is shown and for how long, in ticks after the first; two frames never share a tick."""
    begin: list[int] = []
    for time, _ in frames:
        begin.append(max(round((time - frames[0][0]) * _TICKS), begin[-1] + 1 if begin else 0))
    lengths = [b - a for a, b in pairwise(begin)]
    return begin, [*lengths, lengths[-1] if lengths else _TICKS]


def _image(time: float, image: Image) -> Iterator[dict[str, Any]]:
    import cv2

    done, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])  # takes BGR, as we have it
    if not done:
        raise EngineFailed("a picture cannot be made a JPEG", str(image.shape))
    yield _words(f"[{format_time(time, 1)}]")
    yield {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{_base64(jpeg.tobytes())}"}}


def _video(frames: Frames) -> list[dict[str, Any]]:
    begin, end = format_time(frames[0][0], 1), format_time(frames[-1][0], 1)
    data = f"data:video/mp4;base64,{_base64(mp4(frames))}"
    # The server counts from 0 in what it is given.
    return [
        _words(f"[{begin} - {end}; 0.0 s of this clip is {begin}]"),
        {"type": "video_url", "video_url": {"url": data}},
    ]


def _words(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _scaled(image: Image, pixels: int) -> Image:
    """The picture with at most so many pixels, its sides in the same proportion."""
    height, width = fitted(image.shape[0], image.shape[1], pixels)
    if (height, width) == image.shape[:2]:
        return image
    import cv2

    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
