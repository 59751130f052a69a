"""What models of real size do on the device that is here, how near that is to what it can do, and in which batches.

    python -m benchmarks.gpu [--only videollm embedding detection speech] [--sizes 2b 8b] [--device auto]
                             [--batches 1 2 4 8 16 32 64] [--ways single flash static compile] [--tiny] [--json OUT]

Weights are random (speed does not depend on them), are written to a temporary folder and loaded by vagent's own
engines. Each model is measured with batches of rising size, until one is hardly faster than the one before, or memory
runs out; and then with the best of them in other ways (``benchmarks.ways``), on a card in all of them. What cannot be
measured here says why.

    videollm    clips of eight pictures described a second; s to the first token; tokens a second; s for one order of a
                question's options, and for another with what was kept of the pictures
    embedding   pictures a second through SigLIP 2 so400m
    detection   pictures a second through RT-DETRv2 with a ResNet of 50 layers
    speech      seconds of speech recognised a second by Whisper large-v3-turbo in CTranslate2: features, encoder, and
                words at the usual pace by beam search, without word times
    share       of the roofline, which is measured in the same run: of the device's multiplications where many numbers
                are calculated at once, of its bandwidth where one token after the other is
    batch       the smallest that reaches 95 % of the best speed; by memory: the largest of those that leaves a fifth of
                a card of that size free (cards only: elsewhere torch does not count memory)
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import checkpoints, videollm, ways
from benchmarks.roofline import Roofline, operations, quickest, roofline, seconds
from vagent import configs
from vagent.errors import VagentError
from vagent.tools import device

CARDS = (8, 12, 16, 24, 40, 48, 80)  # GB
_FREE = 0.2  # of a card that stays free
_BEST = 0.95  # of the highest speed that is as good as it
_SLOWER = 1.03  # a batch that is not so many times as fast as the one before is the last
_WINDOW, _PACE = 30, 3.5  # seconds of one window of speech; tokens that are said in a second


@dataclass(frozen=True, slots=True)
class Place:
    """Where it is measured.

    Attributes:
        where: a torch device.
        limits: what it can do in ``number``, the number type that models run in there.
    """

    where: Any
    number: Any
    limits: Roofline
    given: argparse.Namespace


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    settings = configs.load({"device": given.device}, env={})
    torch = device.prepare(settings)
    where = device.device(settings)
    if given.ways is None:
        given.ways = ways.WAYS if where.type == "cuda" else ()
    number = device.precision(where)
    place = Place(where, number, roofline(where, number, given.tiny), given)
    name = torch.cuda.get_device_name(where) if where.type == "cuda" else platform.machine()
    report: dict[str, Any] = {
        "device": f"{name}, {settings.cores} cores",
        "torch": torch.__version__,
        "number": str(number),
        "tera operations a second": round(place.limits.flops / 1e12, 2),
        "gigabytes a second": round(place.limits.bandwidth / 1e9, 1),
    }
    for kind in given.only:
        for title, measured in MEASURED[kind](place):
            try:
                report[title] = measured()
            except VagentError as error:
                report[title] = {"not measured": str(error)}
            print(f"{title}: {json.dumps(report[title])}", flush=True)
    print(table(report))
    print(ways.table(report))
    if given.json:
        given.json.write_text(json.dumps(report, indent=2), encoding="utf-8")
    return 0


def rising(place: Place, run: Callable[[int], Any]) -> dict[str, Any]:
    """Items a second in batches of rising size, and the batch to choose by memory.

    Args:
        run: works through so many items at once.
    """
    import torch

    card = place.where.type == "cuda"
    run(1)  # loads the model
    speeds: dict[int, float] = {}
    memory: dict[int, int] = {}
    for size in place.given.batches:
        if card:
            torch.cuda.reset_peak_memory_stats(place.where)
        try:
            took = quickest(lambda size=size: run(size), place.where)  # type: ignore[misc]
        except (RuntimeError, MemoryError, VagentError) as error:
            if not device.out_of_memory(error.__cause__ or error):
                raise
            device.release(place.where)
            break
        before = max(speeds.values(), default=0.0)
        speeds[size] = size / took
        if card:
            memory[size] = torch.cuda.max_memory_allocated(place.where)
        if speeds[size] < _SLOWER * before:
            break
    best = max(speeds.values())
    found: dict[str, Any] = {
        "items a second by batch": {size: round(speed, 3) for size, speed in speeds.items()},
        "items a second": round(best, 3),
        "batch": min(size for size, speed in speeds.items() if speed >= _BEST * best),
    }
    if len(memory) > 1:
        found |= {"bytes by batch": memory, "batch by GB": by_memory(memory, found["batch"])}
    return found


def by_memory(memory: dict[int, int], best: int) -> dict[int, int]:
    """GB of a card -> the batch to choose there; 0 where not even one item fits.

    Args:
        memory: peak bytes of each batch; what one item takes is fitted to them.
        best: a larger batch is no use.
    """
    each, base = np.polyfit(list(memory), list(memory.values()), 1)
    room = {card: ((1 - _FREE) * card * 1e9 - base) / max(each, 1.0) for card in CARDS}
    return {card: max(0, min(best, int(fitting))) for card, fitting in room.items()}


Measured = Sequence[tuple[str, Callable[[], dict[str, Any]]]]


def _videollms(place: Place) -> Measured:
    sizes = ["tiny"] if place.given.tiny else place.given.sizes
    return [(f"videollm {size}", lambda size=size: _videollm(place, size)) for size in sizes]  # type: ignore[misc]


def _videollm(place: Place, size: str) -> dict[str, Any]:
    given = place.given
    with tempfile.TemporaryDirectory(prefix="vagent-benchmark-") as folder:
        parameters = videollm.write(size, Path(folder))
        chosen = videollm.options(["--size", size, "--device", given.device, "--tokens", str(given.tokens)])
        engine = videollm.made(Path(folder), chosen)
        (clip,) = videollm.noise(1, chosen.frames, chosen.pixels)
        prompt, letters, count = videollm.PROMPT, videollm.LETTERS, chosen.tokens
        engine.answer(clip, prompt, tokens=1)
        first = quickest(lambda: engine.answer(clip, prompt, tokens=1), place.where)
        whole = quickest(lambda: engine.answer(clip, prompt, tokens=1 + count), place.where)
        further = max(whole - first, 1e-6)  # on a machine with other work the difference may vanish
        scored = seconds(lambda: engine.score_choices(clip, prompt, letters), place.where)
        order = seconds(lambda: engine.score_choices(clip, f"{prompt} Again.", letters), place.where)
        asked = operations(lambda: engine.answer(clip, prompt, tokens=1))
        together = rising(place, lambda size: engine.caption([clip] * size, [prompt] * size, tokens=count))
        engine.close()
        others = ways.compared(
            lambda: videollm.made(Path(folder), chosen),
            lambda engine: engine.caption([clip], [prompt], tokens=count),
            ways.videollm,
            1,
            given.ways,
            place.where,
        )
    return {
        "parameters": parameters,
        "clip": f"{chosen.frames} pictures of {chosen.pixels} pixels, {count} tokens of text",
        "first token, s": round(first, 4),
        "share of calculating": round(place.limits.computing(asked, first), 3),
        "tokens a second": round(count / further, 1),
        "share of bandwidth": round(place.limits.reading(parameters * place.number.itemsize * count, further), 3),
        "one order, s": round(scored, 4),
        "another order, s": round(order, 4),
        "notices": engine.notices,
        "other ways": others,
        **together,
    }


def _pictures(count: int, side: int) -> list[Any]:
    luck = np.random.default_rng(0)
    return [luck.integers(0, 256, (side * 9 // 16, side, 3), np.uint8) for _ in range(count)]


def _embedding(place: Place) -> dict[str, Any]:
    from vagent.tools.visual.transformers import TransformersVisual

    with tempfile.TemporaryDirectory(prefix="vagent-benchmark-") as folder:
        model = checkpoints.siglip2(Path(folder) / "siglip2", place.given.tiny)
        chosen = {"model": str(model), "batch": max(place.given.batches)}
        settings = configs.load({"device": place.given.device, "visual": chosen}, env={})
        return _seen(place, lambda: TransformersVisual(settings), TransformersVisual.embed_images, ways.pictures, 448)


def _detection(place: Place) -> dict[str, Any]:
    from vagent.tools.objects.transformers import TransformersObjects

    with tempfile.TemporaryDirectory(prefix="vagent-benchmark-") as folder:
        model = checkpoints.rt_detr(Path(folder) / "rt-detr", place.given.tiny)
        chosen = {"model": str(model), "batch": max(place.given.batches)}
        settings = configs.load({"device": place.given.device, "objects": chosen}, env={})
        return _seen(place, lambda: TransformersObjects(settings), TransformersObjects.detect, ways.detector, 1280)


def _seen(
    place: Place,
    make: Callable[[], Any],
    look: Callable[[Any, list[Any]], Any],
    other: Callable[[Any], Mapping[str, ways.Change]],
    side: int,
) -> dict[str, Any]:
    """What one engine for pictures does, and in other ways."""
    engine = make()
    found = rising(place, lambda size: look(engine, _pictures(size, side)))
    asked = operations(lambda: look(engine, _pictures(1, side)))
    engine.close()
    shown = _pictures(found["batch"], side)
    others = ways.compared(make, lambda engine: look(engine, shown), other, len(shown), place.given.ways, place.where)
    share = place.limits.computing(asked * found["items a second"], 1.0)
    return {"operations of one": asked, "share of calculating": round(share, 3), **found, "other ways": others}


def _speech(place: Place) -> dict[str, Any]:
    import ctranslate2

    from vagent.tools.speech.faster_whisper import FasterWhisper

    with tempfile.TemporaryDirectory(prefix="vagent-benchmark-") as folder:
        model = checkpoints.whisper_turbo(Path(folder) / "whisper", place.given.tiny)
        chosen = {"model": str(model), "language": "en"}
        engine = FasterWhisper(configs.load({"device": place.given.device, "speech": chosen}, env={}))
        loaded = engine._model()
        noise = np.random.default_rng(0).standard_normal(_WINDOW * 16_000).astype(np.float32)
        signs = [
            loaded.hf_tokenizer.token_to_id(f"<|{name}|>")
            for name in ("startoftranscript", "en", "transcribe", "notimestamps", "endoftext")
        ]

        def hear(size: int) -> None:
            features = np.stack([loaded.feature_extractor(noise)[:, :3000] for _ in range(size)])
            heard = loaded.encode(np.ascontiguousarray(features))
            length = len(signs) - 1 + round(_PACE * _WINDOW)
            loaded.model.generate(
                heard,
                [signs[:-1]] * size,
                beam_size=5,
                max_length=length,
                suppress_tokens=[signs[-1]],  # noise would end the text at once, or never
            )

        found = rising(place, hear)
        engine.close()
    speed = round(found["items a second"] * _WINDOW, 1)
    return {"ctranslate2": ctranslate2.__version__, "times real time": speed, **found}


MEASURED: dict[str, Callable[[Place], Measured]] = {
    "videollm": _videollms,
    "embedding": lambda place: [("embedding", lambda: _embedding(place))],
    "detection": lambda place: [("detection", lambda: _detection(place))],
    "speech": lambda place: [("speech", lambda: _speech(place))],
}


def table(report: dict[str, Any]) -> str:
    """The figures for people, a line a model."""
    head = {key: value for key, value in report.items() if not isinstance(value, dict)}
    lines = [", ".join(f"{key}: {value}" for key, value in head.items())]
    lines.append(
        f"{'':14}{'items/s':>10}{'batch':>7}{'of calculating':>16}{'of bandwidth':>14}  batch by GB of the card"
    )
    for title, found in report.items():
        if not isinstance(found, dict):
            continue
        if "not measured" in found:
            lines.append(f"{title:14}  {found['not measured']}")
            continue
        shares = [found.get(f"share of {of}") for of in ("calculating", "bandwidth")]
        told = ["-" if share is None else f"{share:.1%}" for share in shares]
        cards = ", ".join(f"{card}: {batch}" for card, batch in found.get("batch by GB", {}).items())
        speed = f"{found['items a second']:10.2f}{found['batch']:7}"
        lines.append(f"{title:14}{speed}{told[0]:>16}{told[1]:>14}  {cards or '-'}")
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(MEASURED), default=list(MEASURED))
    parser.add_argument("--sizes", nargs="+", choices=sorted(videollm.SIZES), default=["2b", "8b"])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 2, 4, 8, 16, 32, 64])
    parser.add_argument("--ways", nargs="*", choices=ways.WAYS, help="other ways to run them; without: on a card all")
    parser.add_argument("--tokens", type=int, default=32, help="tokens of a description")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--tiny", action="store_true", help="tiny models, to see whether it runs")
    parser.add_argument("--json", type=Path)
    return parser


if __name__ == "__main__":
    sys.exit(main())
