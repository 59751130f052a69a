"""The same model run in another way: how many times as fast that is, and what it costs before it is any faster.

    single      in float32, where vagent takes half of the digits
    flash       with flash attention in the place of torch's own (scaled dot products); needs flash-attn
    static      with a cache of fixed length, for which transformers compiles each step of a text on cards
    compile     compiled by torch for the shapes that occur; of a picture model the part that sees

A way that cannot be gone here says why. ``pays after`` is how many items make up for the first call, which compiles.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from benchmarks.roofline import quickest, seconds
from vagent.tools.checkpoints import first_line

WAYS = ("single", "flash", "static", "compile")

Change = Callable[[Any], object]
"""Makes a model run in another way from now on."""


def videollm(engine: Any) -> Mapping[str, Change]:
    """The ways of a video-LLM."""

    def static(model: Any) -> None:
        model.generation_config.cache_implementation = "static"

    model = engine._model()[0].model
    return {
        "flash": lambda _: model.set_attn_implementation("flash_attention_2"),
        "static": lambda _: static(model),
    }


def pictures(engine: Any) -> Mapping[str, Change]:
    """The ways of a model that compares pictures with texts."""
    model = engine._load().model
    return {"single": lambda _: model.float(), "compile": lambda _: model.vision_model.compile(dynamic=False)}


def detector(engine: Any) -> Mapping[str, Change]:
    """The ways of a detector."""
    known = engine._known
    model = known.load()[1]
    ways: dict[str, Change] = {"compile": lambda _: model.compile(dynamic=False)}
    if known._half is not None:
        ways["single"] = lambda _: setattr(known, "_half", None)
    return ways


def compared(
    make: Callable[[], Any],
    run: Callable[[Any], Any],
    ways: Callable[[Any], Mapping[str, Change]],
    items: int,
    wanted: Sequence[str],
    where: Any,
) -> dict[str, dict[str, Any]]:
    """Each way against the plain one, with an engine of its own.

    Args:
        make: an engine, not loaded yet.
        run: has it work through so many ``items``.
        wanted: the names of the ways to go.
        where: the torch device that it is on.
    """
    found: dict[str, dict[str, Any]] = {}
    left = list(wanted)
    while left:
        engine = make()
        try:
            table = ways(engine)  # loads it
            left = [name for name in left if name in table]
            if left:
                name = left.pop(0)
                run(engine)
                found[name] = _one(partial(run, engine), partial(table[name], engine), items, where)
        finally:
            engine.close()
    return found


def _one(run: Callable[[], Any], change: Callable[[], Any], items: int, where: Any) -> dict[str, Any]:
    plain = quickest(run, where)
    try:
        change()
        first = seconds(run, where)
        took = quickest(run, where)
    except Exception as error:  # noqa: BLE001 - a compiler, a kernel or a package that is not there: anything
        return {"not measured": first_line(error)}
    saved = (plain - took) / items
    return {
        "items a second": round(items / took, 3),
        "plain": round(items / plain, 3),
        "ratio": round(plain / took, 3),
        "first call, s": round(first, 2),
        "pays after": round((first - took) / saved) if saved > 0 and first > took else None,
    }


def table(report: Mapping[str, Any]) -> str:
    """The figures for people, a line a way; empty where no other way was gone."""
    lines = []
    for title, model in report.items():
        for name, found in (model.get("other ways", {}) if isinstance(model, dict) else {}).items():
            if "not measured" in found:
                lines.append(f"{title:14}{name:9}  {found['not measured']}")
                continue
            pays = found["pays after"]
            told = "-" if pays is None else f"{pays} items"
            speeds = f"{found['plain']:10.2f}{found['items a second']:10.2f}{found['ratio']:9.2f}"
            lines.append(f"{title:14}{name:9}{speeds}{found['first call, s']:14.2f}  {told}")
    head = f"{'':14}{'way':9}{'plain/s':>10}{'so/s':>10}{'times':>9}{'first call, s':>14}  pays after"
    return "\n".join([head, *lines]) if lines else ""
