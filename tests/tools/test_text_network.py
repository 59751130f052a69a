"""Running a network: its threads and its memory change how long it takes, never what comes out."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.text_pictures import page
from vagent.tools.text import Image
from vagent.tools.text.network import Network
from vagent.tools.text.rapid import _MODELS, _weights

PICTURE = page([("Thursday's programme", (40, 40), 48), ("the harbour at night", (40, 130), 30)], (480, 224))
LINE = page([("the harbour at night", (10, 8), 28)], (320, 48))
GREY = np.full((2048, 2048, 3), 191, np.uint8)  # about 0.5 for a network, which takes 50 MB of it


@pytest.fixture(scope="module")
def faint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that makes its picture so faint that what is grey is too small for the usual precision, then as bright
    as it was, and tells what is brightest in each plane.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    names = ["picture", "faint", "bright"]
    graph = helper.make_graph(
        [
            helper.make_node("Mul", [names[0], "down"], [names[1]]),
            helper.make_node("Mul", [names[1], "up"], [names[2]]),
            helper.make_node("ReduceMax", [names[2]], ["most"], axes=[2, 3]),
        ],
        "faint",
        [helper.make_tensor_value_info(names[0], TensorProto.FLOAT, [1, 3, "height", "width"])],
        [helper.make_tensor_value_info("most", TensorProto.FLOAT, [1, 3, 1, 1])],
        [numpy_helper.from_array(np.array([n], np.float32), name) for name, n in (("down", 1.2e-38), ("up", 1e38))],
    )
    path = tmp_path_factory.mktemp("networks") / "faint.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


@pytest.mark.parametrize(("model", "picture"), [(_MODELS[0], PICTURE), (_MODELS[1], LINE)])
def test_threads_and_memory_that_is_kept_change_not_a_bit(model: str, picture: Image) -> None:
    weights = _weights(model)
    assert weights is not None
    usual = picture.shape[0] * picture.shape[1]
    found = Network(weights, threads=1, usual=usual)(picture)
    assert found.std() > 0
    for threads, kept in ((1, 0), (2, usual), (3, 0), (8, usual)):
        network = Network(weights, threads=threads, usual=kept)
        for _ in range(2):
            assert np.array_equal(network(picture), found)


def test_planes_are_blue_green_and_red_from_minus_one_to_one_with_grey_behind_them(faint: Path) -> None:
    picture = np.full((8, 8, 3), (255, 0, 128), np.uint8)
    network = Network(faint, threads=1, usual=0)
    assert network(picture).ravel() == pytest.approx([1.2, -1.2, 0.0], rel=1e-5)
    assert network(picture, 16).ravel() == pytest.approx([1.2, 0.0, 0.0], rel=1e-5)


@pytest.mark.skipif(sys.platform != "linux" or platform.machine() != "x86_64", reason="left as it is here")
@pytest.mark.parametrize("threads", [1, 4])
def test_numbers_too_small_are_zero_in_all_its_threads(faint: Path, threads: int) -> None:
    assert Network(faint, threads=threads, usual=GREY.size)(GREY).tolist() == [[[[0.0]]] * 3]


def test_they_are_left_alone_in_the_thread_that_makes_it(faint: Path) -> None:
    """In a process of its own: only the first network of a process could change that."""
    lines = [
        "import sys, numpy as np; from pathlib import Path; from vagent.tools.text.network import Network",
        "network = Network(Path(sys.argv[1]), threads=2, usual=0)",
        "network(np.zeros((8, 8, 3), np.uint8))",
        "print((np.full(64, 1e-39, np.float32) * np.float32(0.5)).max() > 0)",
    ]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines), str(faint)], stdout=subprocess.PIPE, check=True)
    assert done.stdout.strip() == b"True"


@pytest.mark.parametrize(("usual", "kept"), [(GREY.size, True), (0, False)])
def test_memory_is_kept_for_usual_pictures_alone(faint: Path, usual: int, kept: bool) -> None:
    network = Network(faint, threads=1, usual=usual)
    network(GREY[:8])
    before = psutil.Process().memory_info().rss
    for _ in range(3):
        network(GREY)
    assert (psutil.Process().memory_info().rss - before > 2 * GREY.size) == kept
