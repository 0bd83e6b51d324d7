"""The archive: one JSON file a counterexample, named by its content, written atomically, read with suspicion."""

from __future__ import annotations

import builtins
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rnn_parity.registry import nearest
from rnn_parity.strategies import Case, InvalidCase
from rnn_parity.strategies.plain import from_plain, to_plain
from rnn_parity.tests.judge.base.files import sweep, write_text
from rnn_parity.tests.judge.base.places import TESTS
from rnn_parity.tests.judge.demands.property import Property, load_properties

SCHEMA = 1
REGRESSIONS = TESTS / "regressions"
#: A million numbers of 25 characters; no honest file is larger.
MOST_BYTES = 25_000_000


class UnreadableCase(ValueError):
    """An archive file that cannot be replayed; the text names the file and what is wrong with it."""


@dataclass(frozen=True)
class Record:
    """One archived case: what to replay, and what was seen when it was found."""

    property: str
    case: Case
    #: Who disagreed, with what: dictionaries of plain data.
    disagreed: Sequence[dict[str, Any]] = ()
    versions: dict[str, str] = field(default_factory=dict)
    date: str = ""
    note: str = ""

    @builtins.property
    def file_name(self) -> str:
        """The property and a digest of what is replayed, so that the same case found twice is one file."""
        content = json.dumps([self.property, to_plain(self.case)], sort_keys=True)
        return f"{self.property}-{hashlib.sha256(content.encode()).hexdigest()[:12]}.json"


def write(record: Record, folder: Path = REGRESSIONS, *, anew: bool = False) -> Path:
    """Write a record under its own name; nothing happens where that case is there already, unless it is written `anew`.

    The file appears whole or not at all, and two writers do each other no harm.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / record.file_name
    if path.exists() and not anew:
        return path
    sweep(folder)
    data = {
        "schema": SCHEMA,
        "property": record.property,
        "descriptor": record.case.descriptor,
        "note": record.note,
        "case": to_plain(record.case),
        "disagreed": list(record.disagreed),
        "versions": record.versions,
        "date": record.date or datetime.now(UTC).date().isoformat(),
    }
    write_text(path, _compact(json.dumps(data, indent=1)) + "\n")
    return path


def _compact(text: str) -> str:
    """Put lists of numbers on one line each: a diff shows tensors, not a column of digits."""
    lines: list[str] = []
    inside = False
    for line in text.splitlines():
        stripped = line.strip()
        if inside:
            lines[-1] += stripped if stripped.startswith("]") else f"{'' if lines[-1].endswith('[') else ' '}{stripped}"
        else:
            lines.append(line)
        if stripped.endswith("[") and not inside:
            inside = stripped.startswith(('"values"', '"shape"'))
        elif inside and stripped.startswith("]"):
            inside = False
    return "\n".join(lines)


def read(path: Path) -> Record:
    """Return the record in a file.

    Raises:
        UnreadableCase: no such file, not JSON, not ours, of a later schema, too large, or damaged.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UnreadableCase(f"{path}: larger than the {MOST_BYTES} bytes that are read; it is left alone")
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnreadableCase(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableCase(f"{path}: is not JSON ({error}); restore it from version control or delete it") from error
    if not isinstance(data, dict) or "schema" not in data:
        raise UnreadableCase(f"{path}: is not a counterexample of rnn-parity: expected an object with the key 'schema'")
    if data["schema"] != SCHEMA:
        raise UnreadableCase(
            f"{path}: has schema {data['schema']!r}, and this rnn-parity reads {SCHEMA}; update rnn-parity to replay it"
        )
    try:
        return _record(data)
    except (ValueError, RecursionError) as error:
        raise UnreadableCase(f"{path}: is damaged: {error}") from error


def _record(data: dict[str, Any]) -> Record:
    texts = {key: data.get(key, "") for key in ("property", "date", "note")}
    for key, found in texts.items():
        if not isinstance(found, str):
            raise InvalidCase(f"{key}: expected text, found {found!r}")
    if not texts["property"].isidentifier():
        raise InvalidCase(f"property: expected the name of a property, found {texts['property']!r}")
    for key, kind in (("disagreed", list), ("versions", dict)):
        if not isinstance(data.get(key, kind()), kind):
            raise InvalidCase(f"{key}: expected a {kind.__name__}, found {data[key]!r}")
    case = from_plain(data.get("case"))
    return Record(case=case, disagreed=data.get("disagreed", ()), versions=data.get("versions", {}), **texts)


def files(folder: Path = REGRESSIONS) -> list[Path]:
    """Return the archive's files, sorted by name."""
    return sorted(folder.glob("*.json"))


def kept_of(judged: str, implementation: str, folder: Path) -> Iterator[tuple[Path, Case, dict[str, Any]]]:
    """Yield the files of cases on which an implementation failed a property, each with the case and what was seen."""
    for path in files(folder):
        try:
            record = read(path)
        except UnreadableCase:
            continue  # Whoever replays it says so.
        for seen in record.disagreed if record.property == judged else ():
            if isinstance(seen, dict) and seen.get("implementation") == implementation:
                yield path, record.case, seen


def property_of(path: Path, record: Record) -> Property:
    """Return the property that a file's case is about.

    Raises:
        UnreadableCase: this suite has none of that name.
    """
    properties = load_properties()
    if record.property not in properties:
        raise UnreadableCase(
            f"{path}: is about the property {record.property!r}{nearest(record.property, properties)}; "
            f"this suite has {', '.join(properties)}"
        )
    return properties[record.property]
