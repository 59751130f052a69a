"""The models that vagent knows by name (configs/models.yaml), and which of them suit a machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vagent.errors import SettingsError
from vagent.tools.engines import Sense
from vagent.tools.weights.machine import Machine

Role = Literal["speech", "text", "objects", "find", "sounds", "embeddings", "visual", "videollm", "chat"]
"""What a model is for: a sense, or ``find``, which is a second model of the sense ``objects``."""

ROLES: tuple[Role, ...] = get_args(Role)

HUB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_REVISION = r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}"
_PINNED = re.compile(rf"({HUB_ID.pattern})(?:@({_REVISION}))?")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WebFile(_Strict):
    """A file of a model that is not on the hub."""

    url: Annotated[str, Field(pattern=r"^https://[^\s?#]+/[A-Za-z0-9][\w.-]*$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.url.rpartition("/")[2]


class Model(_Strict):
    """A model of the catalogue.

    Attributes:
        name: its name in the catalogue.
        role: what it is for, where that is not the whole sense.
        engines: the engines that can run it.
        hub: its id on the hub; None: it is not there, and ``files`` says where it is.
        revision: the branch, tag or commit that is fetched.
        size: bytes of what is fetched, approximately.
        memory: bytes it takes while it runs, approximately.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
    sense: Sense
    role: Role
    engines: Annotated[tuple[str, ...], Field(min_length=1)]
    hub: Annotated[str, Field(pattern=rf"^{HUB_ID.pattern}$")] | None = None
    revision: Annotated[str, Field(pattern=rf"^{_REVISION}$")] = "main"
    files: tuple[WebFile, ...] = ()
    licence: Annotated[str, Field(min_length=2)]
    size: Annotated[int, Field(gt=0)]
    memory: Annotated[int, Field(gt=0)]
    note: str

    @property
    def requires(self) -> tuple[str, ...]:
        """What its folder must hold, beside the weights that its own index names."""
        if self.files:
            return tuple(file.name for file in self.files)
        return ("config.json", "model.bin", "tokenizer.json") if "faster-whisper" in self.engines else ("config.json",)

    @model_validator(mode="before")
    @classmethod
    def _role_is_the_sense(cls, values: Any) -> Any:
        return {"role": values.get("sense"), **values} if isinstance(values, dict) else values

    @model_validator(mode="after")
    def _is_somewhere(self) -> Model:
        if bool(self.hub) == bool(self.files):
            raise ValueError(f"{self.name}: either a hub id or files, and not both")
        return self


class Set(_Strict):
    """The models that are best for a size of memory.

    Attributes:
        title: the machine it is for, in words.
        memory: bytes of memory a graphics card must have, at least; 0: none is needed.
        models: role -> name of a model.
    """

    name: str
    title: str
    memory: Annotated[int, Field(ge=0)]
    models: Mapping[Role, str]


class Catalogue(_Strict):
    """All models and sets, checked."""

    models: Mapping[str, Model]
    sets: Annotated[Mapping[str, Set], Field(min_length=1)]

    @model_validator(mode="after")
    def _sets_hold_models(self) -> Catalogue:
        for one in self.sets.values():
            for role, name in one.models.items():
                if name not in self.models or self.models[name].role != role:
                    raise ValueError(f"set {one.name}: {name} is no model of the catalogue for {role}")
        return self

    def set_for(self, machine: Machine) -> Set:
        """The set that suits a machine best."""
        fitting = [one for one in self.sets.values() if one.memory <= machine.card]
        return max(fitting, key=lambda one: one.memory)

    def candidates(self, role: str, engine: str) -> list[Model]:
        """The models that an engine can run for a role."""
        return [model for model in self.models.values() if model.role == role and engine in model.engines]

    def recommended(self, role: str, engine: str, machine: Machine) -> Model | None:
        """The model for an engine that suits a machine best: its set's, the largest that fits, or the smallest."""
        candidates = self.candidates(role, engine)
        chosen = set(self.set_for(machine).models.values())
        for model in candidates:
            if model.name in chosen:
                return model
        return largest(candidates, machine) or min(candidates, key=lambda model: model.size, default=None)

    def for_role(self, role: Role, machine: Machine) -> Model | None:
        """The model that suits a role and a machine best: the set's, else the lightest of the role."""
        name = self.set_for(machine).models.get(role)
        if name is not None:
            return self.models[name]
        candidates = [model for model in self.models.values() if model.role == role]
        return min(candidates, key=lambda model: model.size, default=None)


def largest(models: list[Model], machine: Machine) -> Model | None:
    """The largest of some models that fits into a machine's memory."""
    fitting = [model for model in models if model.memory <= machine.usable]
    return max(fitting, key=lambda model: model.size, default=None)


@cache
def catalogue() -> Catalogue:
    """The catalogue that comes with vagent.

    Raises:
        SettingsError: models.yaml is not valid.
    """
    return parse(files("vagent.configs").joinpath("models.yaml").read_text(encoding="utf-8"))


def parse(text: str) -> Catalogue:
    """A catalogue from YAML.

    Raises:
        SettingsError: an unknown key, a missing or a wrong value; the message names it.
    """
    import yaml

    try:
        values = yaml.safe_load(text)
        for part in ("models", "sets"):
            values[part] = {key: {"name": key, **value} for key, value in values[part].items()}
        return Catalogue.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "models.yaml"
        raise SettingsError("the list of models is not valid", where, allowed=first["msg"]) from error
    except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise SettingsError(f"the list of models is not valid ({error})", "models.yaml") from error


def known(name: str) -> Model | None:
    """The catalogue's model of a name or a hub id."""
    models = catalogue().models
    if name in models:
        return models[name]
    wanted = name.casefold()
    return next((model for model in models.values() if (model.hub or "").casefold() == wanted), None)


def hub_id(name: str) -> tuple[str, str] | None:
    """(hub id, revision) of a catalogue's name, of ``org/name`` or ``org/name@revision``; None where it is neither."""
    model = known(name)
    if model is not None:
        return (model.hub, model.revision) if model.hub else None
    match = _PINNED.fullmatch(name)
    return (match[1], match[2] or "main") if match and ".." not in name else None


def unknown(name: str) -> SettingsError:
    """The error for a name that is neither a model of the catalogue, a set, a hub id nor a folder."""
    from difflib import get_close_matches

    near = get_close_matches(name, [*catalogue().models, *catalogue().sets, *ROLES], n=3, cutoff=0.5)
    allowed = "a name of `vagent models list`, a hub id (org/name) or a folder"
    return SettingsError("unknown model", name, allowed=allowed, hint=f"near: {', '.join(near)}" if near else None)
