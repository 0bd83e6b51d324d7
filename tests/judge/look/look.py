"""A few dozen small calls, before anything is judged by its numbers: what is returned, and what always raises.

What is said of a claim that never works rests on pairs of cases: each case that asks for it raises, of many sizes and
numbers and with every other option that works, and the same case without it does not.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from rnn_parity import Capabilities, Implementation
from rnn_parity.strategies import Case, InvalidCase
from rnn_parity.tests.judge.look.cases import numbered, plain, rich, variations
from rnn_parity.tests.judge.look.claims import BESIDE, CLAIMS, OF_THE_NETWORK, Claim, narrowed
from rnn_parity.tests.judge.trial import surroundings
from rnn_parity.tests.judge.trial.faults import ENDING
from rnn_parity.tests.judge.trial.recorder import RECORDER, Note
from rnn_parity.tests.judge.trial.trial import Trial
from rnn_parity.tests.judge.trial.verdict import Disagreement

#: The property as which these calls are judged.
PLAIN = "agreement"
#: Fewer pairs of cases are no proof that a claim never works.
_ENOUGH = 6


@dataclass(frozen=True)
class Seen:
    """One case, and what was wrong there."""

    case: Case
    disagreement: Disagreement | None = None
    #: Whether wrong numbers were right in a second try.
    once: bool = False

    @property
    def raises(self) -> bool:
        """Whether it raised an ordinary error; what ends the program that calls it refuses nothing."""
        return self.disagreement is not None and self.disagreement.kind.startswith("raises")

    @property
    def malformed(self) -> bool:
        """Whether what was returned is not two tensors where the arguments are, whatever they hold."""
        return self.disagreement is not None and self.disagreement.kind.endswith(("type", " device"))

    @property
    def misshapen(self) -> bool:
        """Whether tensors were returned of a shape or dtype that is wrong."""
        return self.disagreement is not None and self.disagreement.kind.endswith((" shape", " dtype"))

    @property
    def gist(self) -> tuple[str, object]:
        """What is the same where another case raises the same."""
        assert self.disagreement is not None
        frames = [frame for frame in self.disagreement.frames if not frame.installed] or self.disagreement.frames
        return self.disagreement.kind, (frames[0].place if frames else "")


@dataclass(frozen=True)
class Never:
    """A claim that never works: every case that asks for it raises or returns no result, and none without it does."""

    claim: Claim
    seen: Seen
    #: How many cases ask for it.
    cases: int


@dataclass(frozen=True)
class FirstLook:
    """What a first look at an implementation shows."""

    #: Every case that it was called on, the plainest first.
    seen: Sequence[Seen]
    #: Claims that never work.
    never: Sequence[Never]
    #: What it claims.
    claimed: Capabilities

    @property
    def capabilities(self) -> Capabilities:
        """What it claims, without what never works."""
        return narrowed(self.claimed, [never.claim for never in self.never])

    @property
    def left_out(self) -> dict[str, str]:
        """What never works, by name: the first line of what it raises."""
        told = {never.claim.words: never.seen.disagreement for never in self.never}
        return {words: found.text.partition("\n")[0] for words, found in told.items() if found}

    @property
    def raising(self) -> Sequence[Seen]:
        """All cases, where no call returns."""
        return self.seen if self.seen and all(seen.raises for seen in self.seen) else ()

    @property
    def malformed(self) -> Seen | None:
        """The plainest call that returns, where none returns two tensors."""
        return self._always("malformed")

    @property
    def misshapen(self) -> Seen | None:
        """The plainest call that returns, where the shape or the dtype of all is wrong."""
        return self._always("misshapen")

    def _always(self, what: str) -> Seen | None:
        returned = [seen for seen in self.seen if not seen.raises]
        return returned[0] if returned and all(getattr(seen, what) for seen in returned) else None

    @property
    def once(self) -> Disagreement | None:
        """How a call was wrong that was right when made again: the first calls of a process are made here."""
        return next((seen.disagreement for seen in self.seen if seen.once), None)

    @property
    def told(self) -> Disagreement:
        """The plainest case of what is the matter; `lines` say of how many more."""
        (found, *_) = [seen for seen in (*self.raising, self.malformed, *self.never, self.misshapen) if seen]
        disagreement = found.seen.disagreement if isinstance(found, Never) else found.disagreement
        assert disagreement is not None
        return disagreement

    @property
    def hopeless(self) -> bool:
        """Whether there is nothing whose numbers could be judged."""
        return bool(self.raising or self.malformed)


class _Ended(Exception):
    """A process has ended, or was ended: no more is tried."""


@surroundings.kept()
def first_look(implementation: Implementation) -> FirstLook:
    """Call small networks of an implementation; what raises is told from what is returned, and from what is claimed."""
    looking = _Looking(implementation)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            look = looking.looked()
        except _Ended:
            look = FirstLook(looking.all, (), implementation.capabilities)
    # What fails is found again where it is judged; a look that is interrupted leaves it to be told.
    RECORDER.told()
    return look


class _Looking:
    def __init__(self, implementation: Implementation) -> None:
        self.trial = Trial(implementation, asked_for=PLAIN)
        self.able = implementation.capabilities
        self.seen: dict[str, Seen] = {}
        self.strict = False

    @property
    def all(self) -> list[Seen]:
        """What was seen, in order."""
        return list(self.seen.values())

    def looked(self) -> FirstLook:
        first = plain(self.able)
        # Where each network costs much, no claim is looked at that needs a case of its own.
        looked_at = OF_THE_NETWORK if self.trial.implementation.dear else CLAIMS
        claims = [claim for claim in looked_at if claim.narrow(self.able)]
        beside = [claim for claim in claims if claim in BESIDE]
        self.see([first, rich(self.able), *self.asking(beside, first)])
        if self.trial.implementation.dear and not any(map(self.fails, self.all)):
            return FirstLook(self.all, (), self.able)  # A known defect may hide one of the two.
        if not any(not seen.raises for seen in self.all):
            self.see([*self.asking(claims, first), *variations(first)])
        # Where no call returns two tensors, what is told apart is what returns at all.
        self.strict = any(not seen.raises and not seen.malformed for seen in self.all)
        base = next((seen.case for seen in self.all if not self.fails(seen)), None)
        if base is None:
            return FirstLook(self.all, (), self.able)
        return FirstLook(self.all, list(self.never(claims, base)), self.able)

    def never(self, claims: Sequence[Claim], base: Case) -> Iterator[Never]:
        """Yield the claims that never work, each with the plainest case of it."""
        suspects = [claim for claim in claims if not self.works(claim)]
        self.see(self.asking(suspects, base))
        working = [claim for claim in claims if self.works(claim)]
        for claim in suspects:
            if claim in working:
                continue
            without = [numbered(case) for case in [base, *variations(base), *self.asking(working, base)]]
            pairs = [(self.one(claim, case), self.on(case)) for case in without if not self.asks(claim, case)]
            tried = [(asked, alike) for asked, alike in pairs if asked and alike]
            if len(tried) >= _ENOUGH and all(self.fails(asked) and not self.fails(alike) for asked, alike in tried):
                yield Never(claim, tried[0][0], len(tried))

    def works(self, claim: Claim) -> bool:
        """Return whether some call that asks for it has returned."""
        return any(self.asks(claim, seen.case) and not self.fails(seen) for seen in self.all)

    def fails(self, seen: Seen) -> bool:
        """Return whether nothing was returned, or no two tensors where others are.

        Where nobody has said that an unbatched x is taken, results of another shape count, too: most classes of one's
        own do not look at its axes. As it is not claimed then, `claims` tells of it, and other bugs keep their names.
        """
        unasked = self.trial.implementation.unclaimed and seen.case.unbatched and seen.misshapen
        return seen.raises or (self.strict and (seen.malformed or unasked))

    def asks(self, claim: Claim, case: Case) -> bool:
        without = claim.narrow(self.able)
        return bool(without and without.objections(case))

    def asking(self, claims: Iterable[Claim], case: Case) -> Iterator[Case]:
        """Yield a case that asks for each of these, where there is one."""
        for claim in claims:
            try:
                yield numbered(claim.asks(case))
            except InvalidCase:
                continue  # Say, lengths of what is unbatched.

    def one(self, claim: Claim, case: Case) -> Seen | None:
        """Return how a case does that asks for this, too; None where there is none."""
        (*_, found) = [None, *map(self.on, self.asking([claim], case))]
        return found if found and self.asks(claim, found.case) else None

    def see(self, cases: Iterable[Case]) -> None:
        """Call a network on each."""
        for case in cases:
            self.on(case)

    def on(self, case: Case) -> Seen | None:
        """Call a network on a case, once; None where it is not claimed, or a known defect."""
        if not self.trial.takes(case):
            return None
        key = f"{case.descriptor} {case.arrays}"
        if key not in self.seen:
            self.seen[key] = self.called(case)
        return self.seen[key]

    def called(self, case: Case) -> Seen:
        wrong = self.wrong_with(case)
        return Seen(case, wrong, once=wrong is not None and wrong.kind == "value" and self.wrong_with(case) is None)

    def wrong_with(self, case: Case) -> Disagreement | None:
        """Return what is wrong with a case, called once."""
        implementation = self.trial.implementation
        apart = implementation.environment is not None
        note = Note(implementation.name, PLAIN, case, apart=apart)
        RECORDER.note(note)
        with surroundings.kept():
            try:
                self.trial.agrees(case)
            except Disagreement as disagreement:
                disagreement.case = case
                if disagreement.kind in ENDING:
                    raise _Ended from disagreement
                RECORDER.found(replace(note, kind=disagreement.kind, text=disagreement.text))
                return disagreement
        return None
