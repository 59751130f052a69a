"""A saved run: a question, everything that its answer came from, and the answer, in one JSON file.

The file holds the calls themselves, so that the cache may be emptied, and the file sent to somebody. It is read as a
stranger's: checked as a whole before anything of it is believed.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from vagent.agent.records import Answer
from vagent.agent.runs.keys import digest
from vagent.agent.runs.recorder import Made
from vagent.agent.state import Turn
from vagent.errors import LibraryCorruptError, LibraryError, LibraryVersionError, SourceError, StorageError, VagentError
from vagent.tools.files import put

FORMAT = 1
FOLDER = "runs"
"""Where a library keeps its saved runs."""

_KIND = "vagent run"
_LENGTHS = (8, 12, 16, 64)  # hex digits of a run's name; the longer ones where two runs would have the same
_BEGINNING = re.compile(r"[0-9a-f]{4,64}")
_LIST = "`vagent replay --list` shows what there is"

_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class Asked(_Part):
    """What was asked. Times in seconds; ``history`` is what a chat had come to before."""

    question: str
    choices: tuple[str, ...] = ()
    start: float | None = None
    end: float | None = None
    history: tuple[Turn, ...] = ()


class VideoState(_Part):
    """A video that was asked, as it was then.

    Attributes:
        id: its row number, which no other video is ever given.
        fingerprint: hash of its content.
        state: hash of how much the library held of it, and of how that was made.
    """

    id: int
    fingerprint: str
    path: str
    state: str


class Inputs(_Part):
    """What an answer depends on beside the question.

    Attributes:
        vagent: its version.
        settings: all of them, without secrets.
        prompts: the hash of each by name.
        engines: name and revision by sense, of those that were asked for.
        vectors: by embedding model, how many vectors ever came to or went from the library.
    """

    vagent: str
    settings: Mapping[str, Any]
    prompts: Mapping[str, str]
    engines: Mapping[str, str]
    videos: tuple[VideoState, ...]
    vectors: Mapping[str, int]


class Run(_Part):
    """A question that was answered, with all that the answer came from.

    Attributes:
        sha256: hash of all the rest.
    """

    kind: Literal["vagent run"] = "vagent run"
    format: int = FORMAT
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{8,64}$")]
    sha256: _Sha256
    when: AwareDatetime
    asked: Asked
    inputs: Inputs
    calls: tuple[Made, ...]
    answer: Answer


class Head(BaseModel):
    """What a list of runs shows of one."""

    model_config = ConfigDict(frozen=True)

    id: str
    when: AwareDatetime
    question: str
    answer: str
    answered: bool


def save(folder: Path, asked: Asked, inputs: Inputs, calls: Sequence[Made], answer: Answer) -> Run:
    """Write a run into a library's folder; a reader sees all of it or nothing.

    Raises:
        StorageError: it cannot be written.
    """
    when = datetime.now(UTC)
    draft = Run(id="0" * 64, sha256="0" * 64, when=when, asked=asked, inputs=inputs, calls=tuple(calls), answer=answer)
    content = draft.model_dump(mode="json", exclude={"id", "sha256"})
    name = digest(content)
    where = folder / FOLDER
    try:
        where.mkdir(parents=True, exist_ok=True)
        for length in _LENGTHS:
            named = {"id": name[:length], "sha256": name}
            if put(where / f"{named['id']}.json", json.dumps({**named, **content}, indent=1).encode(), over=False):
                break
    except OSError as error:
        raise StorageError("the run cannot be saved", str(where), hint=str(error)) from error
    return draft.model_copy(update={**named, "answer": replace(answer, run=named["id"])})


def load(folder: Path, run: str | Path) -> Run:
    """A saved run.

    Args:
        folder: the library's.
        run: its id, the beginning of it, or the path of its file.

    Raises:
        SourceError: there is none of that name, or several.
        LibraryCorruptError: the file is damaged, or no saved run.
        LibraryVersionError: a newer vagent wrote it.
    """
    file = _file(folder / FOLDER, run)
    content = _content(file)
    if content.get("kind") != _KIND:
        raise LibraryCorruptError("the file is not a saved run", str(file), hint=_LIST)
    version = content.get("format")
    if isinstance(version, int) and version > FORMAT:
        raise LibraryVersionError(
            f"the run was saved by a newer vagent (format {version}, this one reads up to {FORMAT})",
            str(file),
            hint="update vagent",
        )
    signed = {name: part for name, part in content.items() if name not in ("id", "sha256")}
    if content.get("sha256") != digest(signed):
        raise _damaged(file, "its content is not what was written")
    try:
        found = Run.model_validate({**content, "answer": _harmless(content.get("answer"))})
    except ValidationError as error:
        first = error.errors()[0]
        raise _damaged(file, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except VagentError as error:  # a span that is none
        raise _damaged(file, str(error)) from error
    return found.model_copy(update={"answer": replace(found.answer, run=found.id)})


def listed(folder: Path) -> tuple[list[Head], list[LibraryError]]:
    """The saved runs of a library, newest first, and what is wrong with those that cannot be read."""
    heads: list[Head] = []
    errors: list[LibraryError] = []
    for file in (folder / FOLDER).glob("[0-9a-f]*.json"):
        try:
            content = _content(file)
            shown = {**content["answer"], **content["asked"], "answer": content["answer"]["text"]}
            heads.append(Head.model_validate(_harmless({**shown, "id": file.stem, "when": content["when"]})))
        except LibraryError as error:
            errors.append(error)
        except (KeyError, TypeError, ValidationError):
            errors.append(_damaged(file, "parts of it are missing"))
    return sorted(heads, key=lambda head: (head.when, head.id), reverse=True), errors


def remove(folder: Path, run: str) -> str:
    """Delete a saved run, whatever is wrong with its file.

    Args:
        folder: the library's.
        run: its id, or the beginning of it.

    Returns:
        Its id.

    Raises:
        SourceError: there is none of that name, or several; or a file is named, which may lie anywhere.
        StorageError: it cannot be deleted.
    """
    if not _BEGINNING.fullmatch(run):
        raise SourceError("no name of a saved run", run, allowed="its name, or the beginning of it", hint=_LIST)
    file = _file(folder / FOLDER, run)
    try:
        file.unlink()
    except OSError as error:
        raise StorageError(f"the saved run cannot be deleted ({error.strerror})", str(file)) from error
    return file.stem


def _file(where: Path, run: str | Path) -> Path:
    given = Path(run).expanduser()
    if isinstance(run, Path) or given.suffix or len(given.parts) != 1:
        if not given.is_file():
            raise SourceError("no such file", str(run), hint=_LIST)
        return given
    found = sorted(where.glob(f"{run}*.json")) if _BEGINNING.fullmatch(run) else []
    exact = where / f"{run}.json"
    if exact in found:
        return exact
    if len(found) != 1:
        names = [file.stem for file in found[:10]] or None
        what = "several saved runs begin so" if found else "no saved run of that name"
        raise SourceError(what, run, allowed=names, hint=_LIST)
    return found[0]


def _content(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_bytes())
    except OSError as error:
        raise StorageError(f"the saved run cannot be read ({error.strerror})", str(file)) from error
    except (ValueError, RecursionError) as error:
        raise _damaged(file, "it is no JSON") from error
    if not isinstance(content, dict):
        raise _damaged(file, "it is no JSON object")
    return content


def _damaged(file: Path, why: str) -> LibraryCorruptError:
    return LibraryCorruptError(f"the saved run is damaged ({why})", str(file), hint=_LIST)


def _harmless(value: Any) -> Any:
    """JSON values in whose texts nothing steers a terminal: an answer is shown as it stands, and this one may come
    from anywhere. What an answer of ours holds stays as it is."""
    if isinstance(value, str):
        return "".join(c if _shown(c) else c.encode("unicode_escape").decode() for c in value)
    if isinstance(value, dict):
        return {key: _harmless(item) for key, item in value.items()}
    return [_harmless(item) for item in value] if isinstance(value, list) else value


def _shown(character: str) -> bool:
    kept = character in "\n\u200c\u200d"  # line breaks, and joiners that scripts and emoji need
    return kept or unicodedata.category(character) == "Cs" or character.isprintable()
