"""Checkpoints on disk, through transformers: what is refused, on which device and in which numbers they run.

Language models run as their section of the settings says, with ``place``; models that turn pictures and sounds into
vectors and scores in what suits the device, with ``encoders``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from vagent.configs import ChatSettings, Settings, VideoLLMSettings
from vagent.errors import EngineFailed, EngineUnavailable
from vagent.tools import device

AGAIN = "fetch it again: vagent models pull {}"
"""What helps where files are damaged; the place is the model's name."""

_COUNTER = "num_batches_tracked"  # of a normalisation in training; nothing reads it afterwards


@dataclass(frozen=True, slots=True)
class Kind:
    """Which models a sense can use.

    Attributes:
        sense: the section of the settings that names them.
        does: what a model of this kind does, ``looks at pictures``.
        classes: names of transformers' auto classes that know them, the likeliest first.
    """

    sense: Literal["videollm", "chat", "visual", "objects", "sounds"]
    does: str
    classes: tuple[str, ...]

    def wanted(self, settings: Settings) -> VideoLLMSettings | ChatSettings | None:
        """The section of the settings that says how they are loaded; None where none does."""
        section = getattr(settings, self.sense)
        return section if isinstance(section, VideoLLMSettings | ChatSettings) else None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a model goes, and in which numbers.

    Attributes:
        where: the device that inputs go to.
        number: the number type.
        options: of ``from_pretrained``, which say so.
    """

    where: Any
    number: Any
    options: Mapping[str, Any]


def needs(kind: Kind, settings: Settings) -> str | None:
    """The command that installs what the settings ask for beside transformers; None where nothing is missing."""
    wanted = kind.wanted(settings)
    if wanted is None:
        return None
    if wanted.precision in ("8bit", "4bit") and find_spec("bitsandbytes") is None:
        return "pip install bitsandbytes"
    if wanted.attention == "flash_attention_2" and find_spec("flash_attn") is None:
        return "pip install flash-attn --no-build-isolation"
    return None


def config(folder: Path, trusted: bool) -> Mapping[str, Any]:
    """The config of a checkpoint that transformers can load.

    Args:
        trusted: whether Python code that lies in the folder may run.

    Raises:
        EngineUnavailable: it is none, or of a kind that transformers does not know.
    """
    try:
        found: Mapping[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        str(found["model_type"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineUnavailable(
            f"not a transformers model: its config.json cannot be used ({type(error).__name__}: {error})",
            str(folder),
            hint=AGAIN.format(folder.name),
        ) from error
    _refuse_unknown(found, folder, trusted)
    return found


def _refuse_unknown(found: Mapping[str, Any], folder: Path, trusted: bool) -> None:
    """Before anything heavy: kinds of models that transformers does not know, for instance those that bring code of
    their own."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    kind = found["model_type"]
    if kind not in CONFIG_MAPPING_NAMES and not trusted:
        if "auto_map" in found:
            raise EngineUnavailable(
                f"{folder.name} is a {kind} model, which runs code of its own",
                hint="take its version made for transformers (often named -hf), or name the model in the setting "
                "trust, which lets its authors' code run on this machine",
            )
        raise EngineUnavailable(
            f"transformers {version('transformers')} does not know models of the kind {kind}",
            str(folder),
            hint="pip install -U transformers",
        )


def encoders(settings: Settings, number: Any = None) -> Place:
    """Where models go that turn pictures and sounds into vectors and scores.

    Args:
        number: the number type; None: as ``device.encoding`` has it.

    Raises:
        SettingsError: a device that this machine does not have.
    """
    device.prepare(settings)
    where = device.device(settings)
    number = number or device.encoding(where)
    return Place(where, number, {"dtype": number})


def place(folder: Path, kind: Kind, settings: Settings) -> Place:
    """Where the weights of a language model go, and how small they are made on the way.

    Raises:
        EngineUnavailable: a package that the settings ask for is missing.
        SettingsError: a device that this machine does not have.
    """
    torch = device.prepare(settings)
    where = device.device(settings)
    section = kind.wanted(settings)
    wanted = "auto" if section is None else section.precision
    named = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
    number = named.get(wanted) or device.precision(where)
    missing = needs(kind, settings)
    if missing:
        raise EngineUnavailable("a package that the settings ask for is not installed", hint=missing)
    options: dict[str, Any] = {"dtype": number}
    if wanted in ("8bit", "4bit"):
        options["quantization_config"] = _quantised(wanted, where)
        options["device_map"] = {"": where}
    if where.type == "cuda":
        size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
        part = {"8bit": 0.5, "4bit": 0.3}.get(wanted, 2.0 if wanted == "fp32" else 1.0)
        # One card is faster than several where the model fits, with a third of it to spare for what it works on.
        several = settings.device in ("auto", "cuda") and torch.cuda.device_count() > 1
        spread = several and size * part * 1.33 > device.free_bytes(where)
        options["device_map"] = "auto" if spread else {"": where}
    return Place(where, number, options)


def _quantised(wanted: str, where: Any) -> Any:
    from transformers import BitsAndBytesConfig

    if wanted == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=device.precision(where)
    )


def piece(folder: Path, name: str, what: str, trusted: bool) -> Any:
    """What prepares a model's input: its tokenizer, processor or feature extractor.

    Args:
        name: its class in transformers, ``AutoProcessor``.
        what: what it is in words.

    Raises:
        EngineUnavailable: it is not all there, or needs a package that is not.
    """
    import transformers

    kind = getattr(transformers, name)
    try:
        return kind.from_pretrained(folder, trust_remote_code=trusted, local_files_only=True)
    except ImportError as error:  # says itself which package it wants
        raise _another_package(folder, error) from error
    except Exception as error:
        raise EngineUnavailable(
            f"the {what} of {folder.name} cannot be loaded ({first_line(error)})", hint=AGAIN.format(folder.name)
        ) from error


def _another_package(folder: Path, error: ImportError) -> EngineUnavailable:
    return EngineUnavailable(f"{folder.name} needs another package ({first_line(error)})")


def model(folder: Path, kind: Kind, settings: Settings, chosen: Place, trusted: bool) -> Any:
    """The model of a folder, ready to be asked.

    Args:
        folder: as ``save_pretrained`` writes it, or a hub repository's files.
        trusted: whether Python code that lies in the folder may run.

    Raises:
        EngineUnavailable: it cannot run here: not a model of this kind, or a package missing.
        EngineFailed: it should run but does not: damaged or incomplete weights, not enough memory.
    """
    from safetensors import SafetensorError

    options = {"trust_remote_code": trusted, "local_files_only": True, "use_safetensors": True, **chosen.options}
    told = {"output_loading_info": True, "ignore_mismatched_sizes": True}  # what does not fit is refused by us, by name
    try:
        made, info = _built(folder, kind, settings, chosen, options | told)
    except SafetensorError as error:
        raise EngineFailed(
            f"the weights of {folder.name} are damaged ({first_line(error)})", hint=AGAIN.format(folder.name)
        ) from error
    except ImportError as error:
        raise _another_package(folder, error) from error
    except EngineUnavailable:
        raise
    except Exception as error:
        if device.out_of_memory(error):
            less = f"take a smaller model with {kind.sense}.model"
            if kind.wanted(settings) is not None:
                less = f"set {kind.sense}.precision to 4bit, {less}"
            what = f"{folder.name} does not fit into the memory of {chosen.where}"
            raise EngineFailed(what, hint=f"{less}, or set device to cpu") from error
        raise EngineFailed(
            f"{folder.name} cannot be loaded ({first_line(error)})", hint=AGAIN.format(folder.name)
        ) from error
    _refuse_incomplete(folder, info)
    if "device_map" not in options:
        made = made.to(chosen.where)
    return made.eval()


def _refuse_incomplete(folder: Path, info: Mapping[str, Any]) -> None:
    """transformers would go on with random numbers in the place of what is missing."""
    for trouble, what in (("missing_keys", "lack"), ("mismatched_keys", "do not fit")):
        names = sorted(str(key[0] if isinstance(key, tuple) else key) for key in info.get(trouble, ()))
        names = [name for name in names if not name.endswith(_COUNTER)]
        if names:
            said = f"the weights of {folder.name} {what} {len(names)} of the model's parts, {names[0]} among them"
            raise EngineFailed(said, hint=AGAIN.format(folder.name))


def _built(
    folder: Path, kind: Kind, settings: Settings, chosen: Place, options: Mapping[str, Any]
) -> tuple[Any, Mapping[str, Any]]:
    """Model and loading report, by the first auto class that knows it and the best attention it can do."""
    import transformers

    section = kind.wanted(settings)
    ways = [{}] if section is None else _attentions(section.attention, chosen)
    for way in ways:
        for name in kind.classes:
            try:
                made, info = getattr(transformers, name).from_pretrained(folder, **way, **options)
            except ValueError as error:
                unknown = "Unrecognized configuration class" in str(error)
                if unknown and name == kind.classes[-1]:
                    raise EngineUnavailable(f"{folder.name} is not a model that {kind.does}") from error
                if unknown:
                    continue
                if "does not support" in str(error) and way != ways[-1]:
                    break
                raise
            return made, info
    raise AssertionError("every way was tried and none said why it failed")


def _attentions(wanted: str, chosen: Place) -> Sequence[Mapping[str, str]]:
    """Options of ``from_pretrained`` to try in turn."""
    import torch

    ways = [wanted]
    if wanted == "auto":
        half = chosen.number in (torch.float16, torch.bfloat16)
        flash = chosen.where.type == "cuda" and half and find_spec("flash_attn") is not None
        ways = [*(["flash_attention_2"] if flash else []), "sdpa", "eager"]
    return [{"attn_implementation": way} for way in ways]


def first_line(error: BaseException) -> str:
    """The kind of an error and the first line of what it says."""
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {text[:200]}"
