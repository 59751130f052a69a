"""Whether two libraries hold the same evidence: what a change to indexing changed, and what it did not.

    python -m benchmarks.compare ONE [OTHER] [--dump FILE] [--ignore KIND ...] [--show 10]

ONE and OTHER are libraries, or files that ``--dump`` wrote; with ONE alone nothing is compared. Videos are matched by
their content. Compared are duration, gaps, shots, clips, times of the kept pictures, and all evidence with times, text,
confidence, boxes and words; not what cannot be the same: row numbers, paths, the time of day. Exit code 1 where
anything differs.

    same       rows that are in both, to the last digit kept
    one, other rows that are only there
    text       how much of the letters of one kind of evidence are the same, in order of time (0..1)
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from vagent.index.pictures import Pictures
from vagent.index.records import KINDS
from vagent.index.store import Store

_DIGITS = 4  # decimals of seconds and of all other numbers

Contents = Mapping[str, Mapping[str, Any]]
"""By a video's fingerprint: ``name``, and lists of rows by what they are."""


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    one = read(given.one)
    if given.dump:
        given.dump.write_text(json.dumps(one, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    if given.other is None:
        return 0
    differences = list(compare(one, read(given.other), given.ignore))
    print(_table(differences))
    for difference in differences:
        for side in ("one", "other"):
            for row in difference[f"only_{side}"][: given.show]:
                print(f"{side:>5}: {difference['video']} {difference['what']} {row}")
    return int(any(d["only_one"] or d["only_other"] for d in differences))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("one", type=Path)
    parser.add_argument("other", type=Path, nargs="?")
    parser.add_argument("--dump", type=Path, help="write what ONE holds as JSON there")
    parser.add_argument("--ignore", nargs="+", default=[], metavar="KIND", help="kinds of evidence left out")
    parser.add_argument("--show", type=int, default=10, help="rows of each difference that are printed")
    return parser


def read(path: Path) -> Contents:
    """What a library holds, or a file that was dumped of one."""
    if path.is_file():
        found: Contents = json.loads(path.read_text(encoding="utf-8"))
        return found
    store = Store(path)
    try:
        return {video.fingerprint: _video(store, path, video.id) for video in store.videos()}
    finally:
        store.close()


def _video(store: Store, folder: Path, number: int) -> dict[str, Any]:
    video = store.video(number)
    rows: dict[str, list[Any]] = {kind: [] for kind in KINDS}
    for row in store.evidence(number):
        value = [row.span.start, row.span.end, row.text, row.confidence, row.weak, row.engine, dict(row.extra)]
        rows[row.kind].append(_rounded(value))
    film: dict[str, list[Any]] = {
        "duration": [video.duration],
        "gaps": [[gap.start, gap.end] for gap in video.gaps],
        "shots": [[shot.span.start, shot.span.end, shot.start_kind] for shot in store.shots(number)],
        "clips": [[clip.span.start, clip.span.end] for clip in store.clips(number)],
        "pictures": Pictures(folder / "frames", video.fingerprint).times(),
    }
    rows.pop("summary")  # written when they are first asked for
    return {"name": Path(video.path).name} | {
        what: sorted((_rounded(value) for value in values), key=_key) for what, values in (film | rows).items()
    }


def compare(one: Contents, other: Contents, ignore: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """One object for each video and kind of rows that either has: ``same``, ``only_one``, ``only_other``, ``text``."""
    for fingerprint in dict.fromkeys([*one, *other]):
        films = [side.get(fingerprint, {}) for side in (one, other)]
        name = next(film["name"] for film in films if film)
        for what in dict.fromkeys(what for film in films for what in film):
            rows = [film.get(what, []) for film in films]
            if what != "name" and what not in ignore and any(rows):
                yield {"video": name, "what": what} | _difference(*rows)


def _difference(one: Sequence[Any], other: Sequence[Any]) -> dict[str, Any]:
    counts = [Counter(map(_key, rows)) for rows in (one, other)]
    said = ["\n".join(row[2] for row in rows if isinstance(row, list) and len(row) > 3) for rows in (one, other)]
    return {
        "same": (counts[0] & counts[1]).total(),
        "only_one": sorted((counts[0] - counts[1]).elements()),
        "only_other": sorted((counts[1] - counts[0]).elements()),
        "text": SequenceMatcher(None, said[0], said[1], autojunk=False).ratio() if any(said) else None,
    }


def _key(row: Any) -> str:
    return json.dumps(row, ensure_ascii=False, sort_keys=True)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, _DIGITS)
    if isinstance(value, Mapping):
        return {name: _rounded(one) for name, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, (list, tuple)) else value


def _table(differences: Sequence[Mapping[str, Any]]) -> str:
    lines = [f"{'video':36} {'what':12} {'same':>6} {'one':>6} {'other':>6} {'text':>6}"]
    for row in differences:
        text = "" if row["text"] is None else f"{row['text']:.3f}"
        counts = f"{row['same']:6} {len(row['only_one']):6} {len(row['only_other']):6}"
        lines.append(f"{row['video'][:36]:36} {row['what']:12} {counts} {text:>6}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
