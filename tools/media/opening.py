"""Opening a file with FFmpeg: what may be opened, and every failure turned into one clear error."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vagent.errors import EngineUnavailable, MediaError, SourceError

if TYPE_CHECKING:
    from av.container import InputContainer

# Containers that hold their own pictures and sound. Playlists (hls, dash, concat), devices, text and single images
# are left out: a "video" must not be able to make FFmpeg open other files or addresses.
_FORMATS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,av1,avi,avs,avs2,avs3,bink,caf,cavsvideo,dirac,dnxhd,dsf,dts,dtshd,dv,"
    "eac3,evc,flac,flv,gif,gxf,h261,h263,h264,hevc,ipu,ivf,kux,live_flv,m4v,matroska,webm,mjpeg,mlp,mov,mp4,mp3,mpc,"
    "mpc8,mpeg,mpegts,mpegvideo,mtv,mxf,nsv,nut,nuv,obu,ogg,oma,pva,qcp,r3d,rm,roq,smjpeg,smk,swf,tak,thp,truehd,tta,"
    "ty,vc1,vc1test,vivo,voc,vvc,w64,wav,wtv,wv,yuv4mpegpipe"
)
_MAX_PIXELS = str(8192 * 8192)  # larger pictures are refused: a damaged header must not eat the memory

_HINT = "is the file complete, and does ffprobe read it?"


def check(path: Path) -> int:
    """Size in bytes of a file that can be opened.

    Raises:
        SourceError: there is no such file, it is a folder or a device, or reading it is not allowed.
        MediaError: it is empty.
    """
    shown = str(path)
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise SourceError("a folder, not a video file", shown)
        if not stat.S_ISREG(found.st_mode):
            raise SourceError("not a regular file", shown, hint="copy the stream to a file first")
        with path.open("rb"):
            pass
    except FileNotFoundError as error:
        raise SourceError("no such file", shown) from error
    except PermissionError as error:
        raise SourceError("no permission to read", shown) from error
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot be opened ({_reason(error)})", shown) from error
    if found.st_size == 0:
        raise MediaError("the file is empty", shown)
    return found.st_size


@contextmanager
def opened(path: Path, device: str | None = None) -> Iterator[InputContainer]:
    """The file as a PyAV container, closed afterwards. FFmpeg's own messages stay off, as PyAV has them by default.

    Args:
        device: way to the card that decodes its pictures (``hardware.DEVICES``); None: the processor does.

    Raises:
        SourceError: see ``check``.
        MediaError: FFmpeg does not know it as video or audio.
        EngineUnavailable: the device cannot be opened, or decodes nothing in this file.
    """
    check(path)
    import av
    from av.codec.hwaccel import HWAccel
    from av.error import FFmpegError

    try:
        # Without falling back: what decodes is chosen by us, and told.
        card = HWAccel(device_type=device, allow_software_fallback=False) if device is not None else None
        # "file:" keeps a name such as "a:b.mp4" from being read as a protocol.
        container = av.open(
            "file:" + os.path.abspath(path),  # noqa: PTH100 - Path.absolute() keeps "..", and a path may hold links
            hwaccel=card,
            metadata_errors="replace",
            container_options={"format_whitelist": _FORMATS, "protocol_whitelist": "file"},
        )
    except (FFmpegError, ValueError, OSError, RuntimeError) as error:
        if device is not None:
            raise EngineUnavailable(
                "no pictures can be decoded on the device", device, hint="set media.hwaccel to off"
            ) from error
        raise MediaError("not a video or audio file", str(path), hint=_HINT) from error
    with container:
        yield container


def prepare(stream: Any, threads: int) -> None:
    """Decoder options for one stream: ``threads`` processor threads (0: as many as there are), bounded pictures."""
    context = stream.codec_context
    # A card decodes picture after picture; more threads would only hold more of its memory.
    context.thread_count = 1 if context.type == "video" and context.is_hwaccel else threads
    if context.type == "video":
        context.thread_type = "AUTO"
        context.options = {**context.options, "max_pixels": _MAX_PIXELS}


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
