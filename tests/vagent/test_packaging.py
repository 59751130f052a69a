"""What is installed is what the repository holds, under one name, and the parts import each other one way only."""

from __future__ import annotations

import ast
import importlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from functools import cache
from importlib.metadata import metadata, packages_distributions
from pathlib import Path
from typing import Any

import pytest

import vagent

ROOT = Path(__file__).parents[2]
PARTS = ("agent", "configs", "index", "prompts", "tools")
HEAVY = ("av", "cv2", "faiss", "langgraph", "numpy", "onnxruntime", "rapidocr", "torch", "transformers", "yaml")
LONGEST = 450  # lines of one module
# What a part may import, itself included. The face, src/vagent, may import everything.
ALLOWED = {
    "errors": {"errors"},
    "configs": {"configs", "errors"},
    "prompts": {"errors", "prompts"},
    "tools": {"configs", "errors", "prompts", "tools"},
    "index": {"configs", "errors", "index", "tools", "prompts"},
    "agent": {"agent", "configs", "errors", "index", "prompts", "tools"},
}


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def modules() -> Iterator[tuple[str, Path]]:
    """Dotted name and file of every module, each once: links are not followed."""
    for top, prefix in [(ROOT / "src" / "vagent", "vagent"), *((ROOT / part, f"vagent.{part}") for part in PARTS)]:
        for file in sorted(top.rglob("*.py")):
            inside = file.relative_to(top)
            if prefix == "vagent" and inside.parts[0] in PARTS:
                continue  # Python 3.13 and newer follow links here
            names = [*inside.parts[:-1], *([] if inside.stem == "__init__" else [inside.stem])]
            yield ".".join([prefix, *names]), file


MODULES = dict(modules())


def requirement(text: str) -> str:
    """``faiss-cpu>=1.12`` -> ``faiss-cpu``."""
    match = re.match(r"[A-Za-z0-9._-]+", text)
    assert match, text
    return match[0]


def test_the_list_of_packages_is_the_folders_that_there_are(project: dict[str, Any]) -> None:
    folders = {name for name, file in MODULES.items() if file.name == "__init__.py"}
    assert set(project["tool"]["setuptools"]["packages"]) == folders


def test_every_folder_with_code_is_a_package() -> None:
    without = {file.parent for file in MODULES.values() if not (file.parent / "__init__.py").is_file()}
    assert not without


@pytest.mark.parametrize("part", PARTS)
def test_links_under_the_face_have_not_become_copies(part: str) -> None:
    link = ROOT / "src" / "vagent" / part
    if link.is_symlink():
        assert link.resolve() == (ROOT / part).resolve()
    else:  # a checkout without links holds a small file in its place
        assert link.is_file(), f"{link} is a folder of its own, which would go stale; make it a link to ../../{part}"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Names in a wheel built from a copy of the sources, without network."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    for folder in ("src", *PARTS):
        shutil.copytree(ROOT / folder, source / folder, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    (source / "tests").mkdir()
    (source / "tests" / "__init__.py").touch()
    (source / ".env").write_text("SECRET=1", encoding="utf-8")
    (source / "agent" / "notes.log").write_text("not for others", encoding="utf-8")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target), str(source)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (file,) = target.glob("*.whl")
    with zipfile.ZipFile(file) as archive:
        return archive.namelist()


def test_the_wheel_holds_every_module_and_data_file_and_nothing_else(wheel: list[str]) -> None:
    held = {name for name in wheel if not name.split("/")[0].endswith(".dist-info")}
    ours = {_place(name, file) for name, file in MODULES.items()}
    data = [(ROOT / part).rglob(pattern) for part, pattern in (("configs", "*.yaml"), ("prompts", "*.md"))]
    ours |= {f"vagent/{file.relative_to(ROOT).as_posix()}" for files in data for file in files} | {"vagent/py.typed"}
    assert held == ours


def _place(name: str, file: Path) -> str:
    folder = name if file.stem == "__init__" else name.rpartition(".")[0]
    return f"{folder.replace('.', '/')}/{file.name}"


def test_defaults_and_prompts_are_among_the_data(wheel: list[str]) -> None:
    assert "vagent/configs/default.yaml" in wheel
    assert any(name.startswith("vagent/prompts/") and name.endswith(".md") for name in wheel)


def test_the_licence_travels_with_the_wheel(wheel: list[str]) -> None:
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel)


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = f"import json, sys, vagent; print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(result.stdout) == []


def test_public_names_are_sorted_and_there() -> None:
    assert vagent.__all__ == sorted(vagent.__all__)
    assert {name for name in vagent.__all__ if getattr(vagent, name, None) is None} == set()
    assert set(vagent.__all__) <= set(dir(vagent))


def test_the_command_is_there(project: dict[str, Any]) -> None:
    module, _, function = project["project"]["scripts"]["vagent"].partition(":")
    assert callable(getattr(importlib.import_module(module), function))


@cache
def imported(file: Path) -> set[str]:
    """Dotted names that a module imports anywhere, in functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: import it by its full name"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_one_way(name: str) -> None:
    part = name.removeprefix("vagent").lstrip(".").partition(".")[0]
    ours = {other for other in imported(MODULES[name]) if other.partition(".")[0] == "vagent"}
    if part in ALLOWED:
        parts = {other.split(".")[1] for other in ours if other != "vagent"}
        assert "vagent" not in ours, "import the part, not the face"
        assert parts <= ALLOWED[part]


STANDARD = sys.stdlib_module_names | {"compression"}  # which Python 3.14 brought


def test_what_is_imported_is_asked_for(project: dict[str, Any]) -> None:
    """A package that only happens to be there, because another needs it, may go away with that other's next version."""
    extras: dict[str, list[str]] = project["project"]["optional-dependencies"]
    texts = [*project["project"]["dependencies"], *(text for wanted in extras.values() for text in wanted)]
    declared = {_normal(requirement(text)) for text in texts}
    homes = packages_distributions()
    strangers = {}
    for name, file in MODULES.items():
        roots = {other.partition(".")[0] for other in imported(file)} - {"vagent"} - STANDARD
        known = {root for root in roots if declared & {_normal(home) for home in homes.get(root, [root])}}
        if roots - known:
            strangers[name] = roots - known
    assert strangers == {}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", MODULES)
def test_modules_are_short_enough_to_read(name: str) -> None:
    assert len(MODULES[name].read_text(encoding="utf-8").splitlines()) < LONGEST


def licence(name: str) -> str:
    """What a distribution says about its licence, in one line."""
    about = metadata(name)
    classifiers = [c for c in about.get_all("Classifier", []) if c.startswith("License ::")]
    return " ".join([about.get("License-Expression", ""), about.get("License", "")[:200], *classifiers]).strip()


def copyleft(text: str) -> bool:
    """The GPL or the AGPL, by their names or letters; the LGPL and the GPL with a run-time exception are neither."""
    text = re.sub(r"A?GPL[\w.+-]* WITH \w+", "", text)
    return bool(re.search(r"(?<!L)GPL", text) or re.search(r"(?<!Lesser )General Public Licen[sc]e", text))


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("AGPL-3.0", True),
        ("GPL-2.0-or-later", True),
        ("License :: OSI Approved :: GNU Affero General Public License v3", True),
        ("LGPL-2.1-or-later", False),
        ("GNU Lesser General Public License v3 (LGPLv3)", False),
        ("BSD-3-Clause AND GPL-3.0-or-later WITH GCC-exception-3.1", False),
        ("Apache-2.0", False),
    ],
)
def test_copyleft_is_recognised(text: str, answer: bool) -> None:
    assert copyleft(text) is answer


def test_what_is_installed_by_default_is_free_of_copyleft(project: dict[str, Any]) -> None:
    licences = {name: licence(name) for name in map(requirement, project["project"]["dependencies"])}
    assert {name: text for name, text in licences.items() if not text or copyleft(text)} == {}


def test_ultralytics_comes_only_when_asked_for_by_name(project: dict[str, Any]) -> None:
    extras: dict[str, list[str]] = project["project"]["optional-dependencies"]
    assert "ultralytics" not in map(requirement, project["project"]["dependencies"])
    assert [extra for extra, wanted in extras.items() if "ultralytics" in map(requirement, wanted)] == ["yolo"]
    assert not [text for wanted in extras.values() for text in wanted if re.search(r"vagent\[[^]]*yolo", text)]
