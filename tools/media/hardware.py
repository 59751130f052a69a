"""Decoding on graphics cards, as far as FFmpeg in this build of PyAV offers it.

Pictures come back into the memory of the processor, so nothing behind the decoder changes. A card is taken for a file
only after it has decoded that file's first pictures; where it cannot, the file is decoded in software, with a notice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vagent.errors import EngineUnavailable, MediaError
from vagent.tools.media import MediaInfo, Track
from vagent.tools.media.frames import Pictures
from vagent.tools.media.opening import opened, prepare

if TYPE_CHECKING:
    from av.container import InputContainer

DEVICES = ("cuda", "videotoolbox", "d3d11va", "vaapi", "qsv")
"""FFmpeg's names of the ways to a card, in the order in which ``auto`` tries them."""

_WORTH = frozenset({"h264", "hevc", "vp9", "mpeg2video", "vc1"})  # dav1d, which decodes AV1 here, knows no cards
_PIXELS = 1280 * 720  # below this many getting pictures back costs as much as decoding them
_PACKETS = 200  # of one file's beginning, in which the first picture must come
_REFERENCE_CODEC = "h264"  # what a device must decode to count as one


@dataclass(frozen=True, slots=True)
class Decoder:
    """What decodes the pictures of a file.

    Attributes:
        device: one of ``DEVICES``, or None: the processor.
        notice: what the user should know: a card that was asked for, or is there, and cannot be used.
    """

    device: str | None = None
    notice: str | None = None


def chosen(info: MediaInfo, track: Track, wanted: str) -> Decoder:
    """The decoder for a track.

    Args:
        wanted: ``off``, one of ``DEVICES``, or ``auto``: a card that works, where the pictures are large enough.
    """
    if wanted == "off" or (wanted == "auto" and not (track.codec in _WORTH and track.width * track.height >= _PIXELS)):
        return Decoder()
    failed: list[str] = []
    for device in DEVICES if wanted == "auto" else (wanted,):
        reason = obstacle(device)
        if reason is not None and wanted == "auto":
            continue  # there is no such card
        reason = reason or _failure(info, track, device)
        if reason is None:
            return Decoder(device, _told(failed, f"by {device}"))
        failed.append(f"{device} cannot decode it ({reason})")
    return Decoder(None, _told(failed, "in software"))


def _told(failed: Sequence[str], instead: str) -> str | None:
    return f"media.hwaccel: {'; '.join(failed)}; it was decoded {instead}" if failed else None


def obstacle(device: str) -> str | None:
    """Why a device cannot be used here at all; None: it can be opened."""
    from av import Codec
    from av.codec.hwaccel import HWAccel, hwdevices_available
    from av.error import FFmpegError

    if device not in hwdevices_available():
        return "this build of FFmpeg does not offer it"
    try:
        HWAccel(device_type=device).create(Codec(_REFERENCE_CODEC, "r"))
    except NotImplementedError:
        return "this build of FFmpeg decodes nothing with it"
    except (FFmpegError, OSError) as error:
        return f"it cannot be opened: {error.strerror or error}"
    return None


def told(wanted: str) -> str:
    """What decodes here, in a line for ``vagent doctor``."""
    import av
    from av.codec.hwaccel import hwdevices_available

    ready = {device: obstacle(device) for device in DEVICES}
    usable = [device for device, reason in ready.items() if reason is None]
    start = f"FFmpeg {av.ffmpeg_version_info}; media.hwaccel: {wanted}"
    if wanted in ready and ready[wanted] is not None:
        return f"{start}, but {ready[wanted]}; decoded in software"
    if usable and wanted == "off":
        return f"{start}; decoded in software; {', '.join(usable)} can be tried"
    offered = "; ".join(f"{device}: {reason}" for device, reason in ready.items() if device in hwdevices_available())
    return start + (f"; {', '.join(usable)} can be opened" if usable else f"; decoded in software ({offered})")


def _failure(info: MediaInfo, track: Track, device: str) -> str | None:
    """Why a device does not decode the first picture of a track; None: it does."""
    from av.error import FFmpegError

    try:
        with opened(info.path, device) as container:
            stream: Any = container.streams[track.index]
            prepare(stream, 1)
            if not _on_card(stream):
                return f"nothing decodes {track.codec} with it"
            picture = next(_first(container, stream), None)
            if picture is None:
                return "no picture comes out"
            Pictures(stream.sample_aspect_ratio).image(picture, 64)
    except EngineUnavailable as error:
        return str(error.__cause__ or error)
    except (MediaError, FFmpegError, ValueError, OSError) as error:
        return str(error)
    return None


def _on_card(stream: Any) -> bool:
    return bool(stream.codec_context.is_hwaccel)


def _first(container: InputContainer, stream: Any) -> Iterator[Any]:
    for number, packet in enumerate(container.demux(stream)):
        yield from packet.decode()
        if number >= _PACKETS:
            return
