"""One decoded frame as pixels: upright, with square pixels, deinterlaced; and its signature for shot detection."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vagent.errors import MediaError

if TYPE_CHECKING:
    from av import VideoFrame

Image = NDArray[np.uint8]

_SIGNATURE_WIDTH = 160
_MATRIX_INTS = 9
_PAIRED = frozenset({"nv12", "p010le", "p016le"})  # U and V in one plane, as graphics cards give pictures back


class Pictures:
    """Makes images and signatures of the frames of one track; keeps what it can use again.

    Args:
        sar: width of a stored pixel by its height.
    """

    def __init__(self, sar: Fraction | None) -> None:
        self._sar = usable_sar(sar)
        self._fields: dict[tuple[int, int, str], Any] = {}
        self._shape: tuple[int, ...] | None = None
        self._grid: _Grid | None = None
        self._grid_of: tuple[int, int, str] | None = None
        self._scalers: dict[str, Any] = {}
        self._turn: tuple[int, Orientation] | None = None

    def image(self, frame: VideoFrame, width: int | None = None) -> Image:
        """The frame as it is shown, height x width x 3, BGR, scaled down to at most ``width`` pixels of width.

        Raises:
            MediaError: its pixels cannot be converted.
        """
        shape = self._orientation(frame)
        columns, rows = max(1, round(frame.width * self._sar)), frame.height
        shown = rows if shape.transposed else columns
        scale = min(1.0, width / shown) if width else 1.0
        columns, rows = max(1, round(columns * scale)), max(1, round(rows * scale))
        source = self._one_field(frame) if frame.interlaced_frame else frame
        grows = columns > source.width or rows > source.height
        pixels = self._convert(source, columns, rows, "bgr24", "BICUBIC" if grows else "AREA")
        return shape.apply(pixels.to_ndarray())

    def signature(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """Y, U and V thinned out to about 160 x 90, uint8, 3 x h x w; the same size for every frame of the track."""
        key = (frame.width, frame.height, frame.format.name)
        if key != self._grid_of:
            self._grid_of, self._grid = key, _grid(frame)
        found = _strided(frame, self._grid) if self._grid is not None else None
        if found is None:
            rows = max(1, round(_SIGNATURE_WIDTH * frame.height / frame.width))
            planes = self._convert(frame, _SIGNATURE_WIDTH, rows, "yuv444p", "POINT").to_ndarray()
            found = np.ascontiguousarray(planes, dtype=np.uint8)
        if self._shape is None:
            self._shape = found.shape
        elif found.shape != self._shape:  # the size of the picture changes within the file
            down = np.arange(self._shape[1]) * found.shape[1] // self._shape[1]
            across = np.arange(self._shape[2]) * found.shape[2] // self._shape[2]
            found = np.ascontiguousarray(found[:, down][:, :, across])
        return found

    def _orientation(self, frame: VideoFrame) -> Orientation:
        """Looked up only when the frame's rotation changes: PyAV ties a frame to its side data in a ring, and the
        memory of such frames comes back only when Python next looks for rings."""
        if self._turn is None or self._turn[0] != frame.rotation:
            self._turn = (frame.rotation, Orientation.of(frame))
        return self._turn[1]

    def _convert(self, frame: VideoFrame, columns: int, rows: int, form: str, how: str) -> VideoFrame:
        from av.error import FFmpegError
        from av.video.reformatter import VideoReformatter

        scaler = self._scalers.setdefault(form, VideoReformatter())  # keeps its tables from one picture to the next
        try:
            converted: VideoFrame = scaler.reformat(frame, columns, rows, form, interpolation=how, threads=1)
        except (FFmpegError, ValueError, MemoryError) as error:
            raise MediaError("a picture's pixels cannot be converted", frame.format.name) from error
        return converted

    def _one_field(self, frame: VideoFrame) -> VideoFrame:
        """The top field: half the rows, but all of one moment, and no combs."""
        key = (frame.width, frame.height, frame.format.name)
        try:
            graph = self._fields.get(key) or _field_graph(*key)
            self._fields = {key: graph}
            graph.push(frame)
            field: VideoFrame = graph.pull()
        except (ValueError, OSError):  # a pixel format the filter does not know: the whole frame, combs and all
            return frame
        return field


class Orientation:
    """How a player turns and mirrors the stored picture: one of the eight ways that keep pixels on the grid."""

    __slots__ = ("flip_columns", "flip_rows", "rotation", "transposed")

    def __init__(self, matrix: tuple[int, ...] | None) -> None:
        a, b, c, d = (matrix[0], matrix[1], matrix[3], matrix[4]) if matrix else (1, 0, 0, 1)
        self.transposed = abs(b) + abs(c) > abs(a) + abs(d)
        self.flip_columns = (c if self.transposed else a) < 0
        self.flip_rows = (b if self.transposed else d) < 0
        turns = (
            {(False, False): 0, (True, True): 180} if not self.transposed else {(True, False): 90, (False, True): 270}
        )
        self.rotation = turns.get((self.flip_columns, self.flip_rows), 90 if self.transposed else 0)

    @classmethod
    def of(cls, frame: VideoFrame) -> Orientation:
        """From the display matrix that travels with the frame; upright where there is none or it is damaged."""
        from av.sidedata.sidedata import Type

        data: Any = frame.side_data
        if Type.DISPLAYMATRIX not in data.keys():  # noqa: SIM118 - iterating gives the entries, not their types
            return cls(None)
        values = np.frombuffer(bytes(data[Type.DISPLAYMATRIX]), dtype=np.int32)
        return cls(tuple(int(v) for v in values[:_MATRIX_INTS]) if len(values) >= _MATRIX_INTS else None)

    def apply(self, image: NDArray[Any]) -> Image:
        """The image as shown."""
        turned = image.transpose(1, 0, 2) if self.transposed else image
        turned = turned[:, ::-1] if self.flip_columns else turned
        turned = turned[::-1] if self.flip_rows else turned
        return np.ascontiguousarray(turned, dtype=np.uint8)


def usable_sar(sar: Fraction | None) -> Fraction:
    """The pixel aspect ratio, or 1 where it is missing or absurd."""
    return sar if sar is not None and Fraction(1, 8) <= sar <= 8 else Fraction(1)


def jpeg(image: Image, width: int, quality: int) -> bytes:
    """The image as JPEG, scaled down to ``width`` pixels where it is wider; ``quality`` 1..100."""
    import cv2

    rows, columns = image.shape[:2]
    if columns > width:
        size = width, max(1, round(rows * width / columns))
        if (whole := columns // width) > 1:
            # Averaging whole pixels first, and no more than halving after that, takes a sixth of the time.
            image = cv2.resize(image, (columns // whole, max(1, rows // whole)), interpolation=cv2.INTER_AREA)
            image = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
        else:
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise MediaError("a picture cannot be written as JPEG", f"{columns} x {rows} pixels")
    return bytes(data)


def unjpeg(data: bytes) -> Image:
    """The picture that ``jpeg`` wrote, height x width x 3, BGR.

    Raises:
        MediaError: it is damaged.
    """
    import cv2

    image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR) if data else None
    if image is None:
        raise MediaError("a kept picture is damaged", f"{len(data)} bytes")
    return np.asarray(image, dtype=np.uint8)


def _field_graph(width: int, height: int, form: str) -> Any:
    from av.filter import Graph
    from av.video.format import VideoFormat

    graph = Graph()
    pixels = VideoFormat(form, width, height)
    source = graph.add_buffer(width=width, height=height, format=pixels, time_base=Fraction(1, 1000))
    graph.link_nodes(source, graph.add("field", "type=top"), graph.add("buffersink")).configure()
    return graph


@dataclass(frozen=True, slots=True)
class _Grid:
    """How to thin out one pixel format and size: for Y, U and V each the number of the plane, its height and which rows
    and columns to take; the size of what comes out; and by how many bits values are longer than 8."""

    parts: tuple[tuple[int, int, slice, slice], ...]
    height: int
    width: int
    wide: bool
    shift: int


def _grid(frame: VideoFrame) -> _Grid | None:
    """None where the format is not plain planar YUV, or a plane does not fit the step."""
    form = frame.format
    paired = form.name in _PAIRED
    if not form.is_planar or form.is_rgb or form.is_big_endian or len(form.components) < 3:
        return None
    if len(frame.planes) != 2 if paired else len(frame.planes) < 3:
        return None
    step = max(2, round(frame.width / (2 * _SIGNATURE_WIDTH)) * 2)
    bits = form.components[0].bits
    parts, heights, widths = [], [], []
    for number in range(3):
        index, times, first = (1, 2, number - 1) if paired and number else (number, 1, 0)
        plane = frame.planes[index]
        share_x, share_y = _share(frame.width, plane.width), _share(frame.height, plane.height)
        if step % share_x or step % share_y or bits > 16:
            return None
        across, down = step // share_x, step // share_y
        rows = slice(down // 2, plane.height, down)
        columns = slice(across // 2 * times + first, plane.width * times, across * times)
        parts.append((index, plane.height, rows, columns))
        heights.append(len(range(plane.height)[rows]))
        widths.append(len(range(plane.width * times)[columns]))
    height, width = min(heights), min(widths)
    shift = 8 if paired and bits > 8 else bits - 8  # paired planes have their values in the upper bits
    return _Grid(tuple(parts), height, width, bits > 8, shift) if height and width else None


def _strided(frame: VideoFrame, grid: _Grid) -> NDArray[np.uint8] | None:
    """Every so many pixels of each plane: many times cheaper than scaling. None where the rows are stored backwards."""
    thinned = np.empty((3, grid.height, grid.width), dtype=np.uint8)
    planes: Any = frame.planes
    for number, (index, height, rows, columns) in enumerate(grid.parts):
        line = planes[index].line_size
        if line <= 0:
            return None
        stored: NDArray[Any] = np.frombuffer(planes[index], dtype=np.uint8, count=height * line).reshape(height, line)
        values = stored.view(np.uint16) if grid.wide else stored
        thin = values[rows, columns][: grid.height, : grid.width]
        thinned[number] = thin >> grid.shift if grid.wide else thin
    return thinned


def _share(whole: int, part: int) -> int:
    """How many pixels of the picture one pixel of a plane stands for, along one side: 1, 2 or 4."""
    return max(1, round(whole / part)) if part else 1
