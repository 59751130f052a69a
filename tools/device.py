"""Where torch models run: the device, the number type, and how much memory is left there.

torch is imported by the functions, not by this module.
"""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from vagent.configs import Settings
from vagent.errors import SettingsError

if TYPE_CHECKING:
    import torch

_log = logging.getLogger(__name__)

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def prepare(settings: Settings) -> Any:
    """torch, set up as the settings say: as many threads as they allow, and libraries that print nothing.

    Returns:
        The module torch.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import torch
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_num_threads(settings.cores)
    return torch


def device(settings: Settings) -> torch.device:
    """The device that the settings name; ``auto`` takes a CUDA card, then Apple's, then the processor.

    Raises:
        SettingsError: a device that this machine does not have.
    """
    import torch

    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    wanted = settings.device
    if wanted == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    found = torch.device(wanted)
    there = {"cpu": True, "cuda": cuda and (found.index or 0) < torch.cuda.device_count(), "mps": mps}
    if not there[found.type]:
        raise SettingsError(
            "this machine has no such device", wanted, allowed=[name for name, has in there.items() if has]
        )
    return found


def precision(where: torch.device) -> torch.dtype:
    """The number type that is fastest without loss of quality on a device."""
    import torch

    if where.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if where.type == "mps":
        return torch.float16
    # Measured 2.6 to 2.8 times faster than float32 where the processor has the instructions, far slower where not.
    able = torch.cpu.get_capabilities()
    return torch.bfloat16 if able.get("avx512_bf16") or able.get("amx_bf16") else torch.float32


def encoding(where: torch.device) -> torch.dtype:
    """The number type of models that turn pictures and sounds into vectors or scores.

    On cards float16, which is as fast there as bfloat16 and has three more bits of each number: the vectors of a
    trained SigLIP come 40 times nearer to those of float32. What is too large for it is met by ``in_range``.
    """
    import torch

    return precision(where) if where.type == "cpu" else torch.float16


def mixed(where: torch.device) -> torch.dtype | None:
    """The number type in which models multiply whose own numbers stay float32; None where that is no faster.

    For detectors: on the processor, convolutions of half precision were slower (0.8 to 0.9 of the speed of float32),
    and with bfloat16 one of 185 boxes was lost and others moved by a fiftieth; float16 moves them by a fivehundredth.
    """
    import torch

    return torch.float16 if where.type == "cuda" else None


def in_range(model: Any, run: Callable[[], torch.Tensor]) -> torch.Tensor:
    """The numbers that ``run`` gets from a model; where float16 cannot hold them, the model goes on in float32.

    Args:
        run: asks the model, with inputs of its ``dtype`` when it is called.

    Raises:
        ArithmeticError: neither can float32.
    """
    import torch

    found = run()
    if model.dtype != torch.float16 or bool(found.isfinite().all()):
        return found
    kind = model.config.model_type
    _log.warning("a model of type %s has numbers that float16 cannot hold: it goes on in float32", kind)
    model.float()
    found = run()
    if not bool(found.isfinite().all()):
        raise ArithmeticError("its numbers are not finite")
    return found


def free_bytes(where: torch.device) -> int:
    """Bytes of memory that are free on a device."""
    import psutil
    import torch

    if where.type == "cuda":
        free, _ = torch.cuda.mem_get_info(where)
        return int(free)
    return int(psutil.virtual_memory().available)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on a card or on the processor."""
    import torch

    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and ("out of memory" in str(error) or "can't allocate memory" in str(error))
    )


def release(where: torch.device) -> None:
    """Give back the memory of what nobody holds any more: call it outside the ``except`` whose error still does."""
    import torch

    gc.collect()
    if where.type == "cuda":
        torch.cuda.empty_cache()


def in_batches(
    items: Sequence[_Item],
    size: int,
    run: Callable[[Sequence[_Item]], Sequence[_Result]],
    where: torch.device,
    on_smaller: Callable[[int], object] | None = None,
) -> list[_Result]:
    """What ``run`` makes of the items, one result an item, batch by batch; where memory runs out, in smaller batches.

    Args:
        size: items of one batch, at most.
        on_smaller: told the new size whenever memory ran out.

    Raises:
        Exception: whatever ``run`` raises, out of memory only where a single item does not fit.
    """
    found: list[_Result] = []
    while len(found) < len(items):
        batch = items[len(found) : len(found) + size]
        try:
            found.extend(run(batch))
        except Exception as error:
            if not out_of_memory(error) or len(batch) == 1:
                raise
            size = len(batch) // 2
        else:
            continue
        release(where)
        if on_smaller is not None:
            on_smaller(size)
    return found
