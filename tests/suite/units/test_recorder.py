"""The record of a process that judges: what is the item's own is written down, and what stands beside it is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rnn_parity import Config
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.crashes import aftermath
from rnn_parity.tests.judge.trial import recorder
from rnn_parity.tests.judge.trial.recorder import Note, Recorder


def note(name: str, units: int, kind: str = "") -> Note:
    """That an implementation is judged, or how it fails."""
    return Note(name, "agreement", Case(Config(1, units), np.zeros((1, 1, 1))), kind, kind and "it is wrong")


OWN, BESIDE = note("mine", 1), note("nn.rnn-packed", 2, "value")
FAILS = note("mine", 3, "value")


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / "main.record"


@pytest.fixture
def kept(record: Path) -> Iterator[Recorder]:
    made = Recorder()
    made.start(record)
    made.look_at(judging=True)
    yield made
    made.stop()


def words(note: Note | None) -> str:
    """A note as it is told: each of these differs in it."""
    return note.in_words if note else ""


def seen(record: Path) -> tuple[str, str, int]:
    """The case in hand, what was found, and how many calls are under way."""
    found = recorder.read(record)
    assert found is not None
    return words(found[1]), words(recorder.untold(record)), found[0].calls


def test_what_is_the_items_own_is_written_down(kept: Recorder, record: Path) -> None:
    """The case in hand, then what was found, until it is told."""
    kept.note(OWN)
    assert seen(record) == (words(OWN), "", 0)
    kept.found(FAILS)
    assert seen(record) == (words(OWN), words(FAILS), 0)
    kept.told()
    assert seen(record) == (words(OWN), "", 0)


def test_what_is_judged_beside_leaves_no_trace(kept: Recorder, record: Path) -> None:
    """While something is looked into, it alone stands there; calls are counted, as they are limited."""
    with kept.looking_into(FAILS):
        kept.note(BESIDE)
        kept.found(BESIDE)
        kept.begin("calling the network")
        assert seen(record) == (words(FAILS), words(FAILS), 1)
        kept.end()
    kept.note(OWN)
    assert seen(record) == (words(OWN), words(FAILS), 0)


def test_an_interruption_leaves_what_was_found(kept: Recorder, record: Path) -> None:
    """Also where the process ends in good order."""
    with pytest.raises(KeyboardInterrupt), kept.looking_into(FAILS):
        raise KeyboardInterrupt
    kept.stop()
    assert [*map(words, recorder.all_untold(record.parent))] == [words(FAILS)]
    recorder.remove(record)
    assert recorder.all_untold(record.parent) == []


def test_a_death_while_something_is_looked_into(kept: Recorder, record: Path, tmp_path: Path) -> None:
    """Without workers the case that is kept is the one that failed, with what was seen of it."""
    with kept.looking_into(FAILS):
        kept.note(BESIDE)
        kept.begin("calling the network")
        said = aftermath.tell(record, str(tmp_path))
    assert "mine fails agreement on tanh T1 B1 I1 H3, which was looked into, when the process died" in said
    (path,) = tmp_path.glob("*.json")
    assert '"kind": "value"' in path.read_text(encoding="utf-8")
