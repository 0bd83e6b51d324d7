"""One implementation on trial: building its networks, calling them, and comparing."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from rnn_parity import Capabilities, Implementation
from rnn_parity.contract import Config, KnownDefect, Run
from rnn_parity.reference.balls import Ball
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.trial import expecting, gradients, lengths, second_derivatives, surroundings
from rnn_parity.tests.judge.trial.budget import Budget, is_first
from rnn_parity.tests.judge.trial.counts import count_drawn
from rnn_parity.tests.judge.trial.faults import BY_CHANCE, COSTLY, guarded
from rnn_parity.tests.judge.trial.recorder import RECORDER, Note
from rnn_parity.tests.judge.trial.tally import Tally
from rnn_parity.tests.judge.trial.verdict import Disagreement, Margin, Result, Root, as_result, judge, tensors_in

#: No more calls on one case are noted.
_MADE = 64


@dataclass
class Trial:
    """What a property is given: an implementation, and the means to feed and to judge it."""

    implementation: Implementation
    tally: Tally = field(default_factory=Tally)
    #: Which part of the run's cases this trial judges, and how many they are.
    shard: int = 0
    budget: int = 0
    #: The property on which it is tried; empty for any.
    asked_for: str = ""
    #: After what it is fed no more.
    limits: Budget = field(default_factory=Budget)
    #: The calls that were made on the case in hand: of which network, by number, and on what.
    made: list[tuple[int, Case]] = field(default_factory=list)
    #: What finds the plainer failure from which one follows; None: nothing is set aside.
    root_of: Callable[[Implementation, Disagreement], Root | None] | None = None
    #: That of the first case that was set aside.
    followed: Root | None = None
    _networks: int = 0
    _failed: bool = False
    #: What takes a process each time it is seen, or fails by chance. Hypothesis is told that all cases show it, so that
    #: it does not shrink it: that is left to `rnn_parity.strategies.shrinking.reduce`, which needs fewer calls.
    _costly: Disagreement | None = None

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Print a trial for Hypothesis."""
        printer.text(f"<Trial of {self.implementation.name}>")

    @contextmanager
    def judging(self, case: Case) -> Iterator[bool]:
        """Count a case, and say whether there is time left for it; the first is always judged.

        What failed once is judged on: Hypothesis shrinks it. What follows from a plainer failure is set aside.
        """
        if self._costly is not None:
            raise self._costly
        if not self._failed and self.limits.ends(self.tally.cases):
            self.tally.cut = True
            yield False
            return
        self.tally.cases += 1
        if not self._failed:
            count_drawn(self.tally.drawn, case)
        before, self.tally.margin = self.tally.margin, Margin()
        agreed = followed = False
        once = is_first(self.implementation, self.asked_for, case)
        try:
            with self.limits.spending(once=once):
                yield True
            agreed = True
        except Disagreement as disagreement:
            if not (followed := self._follows(disagreement)):
                if disagreement.kind in COSTLY or disagreement.kind.startswith(BY_CHANCE):
                    self._costly = disagreement
                raise
        finally:
            self._failed |= not (agreed or followed)
            if not case.misuse and not self.capabilities.objections(case):
                self.tally.count(case, agreed=agreed, worst=self.tally.margin.worst)
            before.add(self.tally.margin)
            self.tally.margin = before

    def _follows(self, disagreement: Disagreement) -> bool:
        """Return whether a failure follows from a plainer one: then it is set aside."""
        root = self.root_of and self.root_of(self.implementation, disagreement)
        if root:
            self.followed = self.followed or root
            self.tally.followed += 1
        return bool(root)

    @contextmanager
    def watched(self, case: Case) -> Iterator[None]:
        """Write down what is judged, and see to it that the implementation leaves its surroundings as they are."""
        name, before = self.implementation.name, surroundings.snapshot()
        self.made.clear()
        self._networks = 0
        RECORDER.note(Note(name, self.asked_for, case, apart=self.implementation.environment is not None))
        try:
            yield
            surroundings.unchanged("the network", before)
        except Disagreement as disagreement:
            disagreement.case = case
            disagreement.made = tuple(self.made)
            RECORDER.found(Note(name, self.asked_for, case, disagreement.kind, disagreement.text))
            raise
        finally:
            surroundings.restored(before)

    @property
    def capabilities(self) -> Capabilities:
        """What the implementation takes on."""
        return self.implementation.capabilities

    def takes(self, case: Case) -> bool:
        """Return whether a case is inside the claims and outside the known defects."""
        return not self.capabilities.objections(case) and not self.defects(case)

    def defects(self, case: Case) -> list[str]:
        """Return the names of the known defects that a case runs into."""
        return [
            defect.name
            for defect in self.implementation.known_defects
            if self._shows(defect) and defect.present() and defect.predicate(case)
        ]

    def _shows(self, defect: KnownDefect) -> bool:
        return not (self.asked_for and defect.properties) or self.asked_for in defect.properties

    def judge(self, case: Case, result: Result, expected: tuple[Ball, Ball]) -> None:
        """Compare a result with balls, and keep count."""
        self.tally.margin.add(judge(case, result, expected))

    def expected(self, case: Case) -> tuple[Ball, Ball]:
        """Return outputs and final hidden states as the reference bounds them for this implementation's rounding."""
        return expecting.outputs(case, self.implementation.rounding)

    def build(self, case: Case) -> Network:
        """Return a network with the case's parameters."""
        return self.build_from(case, case.tensors()[0])

    def build_from(self, case: Case, weights: dict[str, torch.Tensor]) -> Network:
        """Return a network from these very tensors."""
        run = self._timed("building a network", self.implementation.build_in_place, case.config, weights)
        if not callable(run):
            raise Disagreement("type", f"build(config, weights) returned {run!r}, expected a function run(x, h_0=None)")
        self._networks += 1
        return Network(self, run, case.config, self._networks)

    def agrees(self, case: Case) -> Result:
        """Build, call and compare with the reference; where the case asks for gradients, compare these too."""
        result = self.build(case).agrees(case)
        if case.has_cotangents:
            (self.agrees_on_second_derivatives if case.twice else self.agrees_on_gradients)(case)
        return result

    def agrees_on_gradients(
        self, case: Case, wanted: Collection[str] | None = None, *, calls: int = 1, backwards: int = 1
    ) -> None:
        """Differentiate by the `wanted` arguments (all, if none are named); compare results and gradients.

        Of several `calls` that are differentiated at once, or several `backwards` through them, gradients add up.
        """
        asked = gradients.ask(case, wanted)
        network = self.build_from(case, asked.weights)
        with network.told():
            results = [network.call_on(case, asked.x, asked.h_0) for _ in range(calls)]
            for result in results:
                self.judge(case, result, self.expected(case))
                if wanted is None and not any(part.requires_grad for part in result):
                    raise Disagreement(
                        "raises nothing to differentiate",
                        "torch's autograd connects the results to no argument: either detach nothing, or say "
                        "Capabilities(gradients=False)",
                    )
            for left in reversed(range(backwards)):
                self.run_back(case, results, retain_graph=left > 0)
            found = gradients.collect(asked, network.leaves(asked.weights))
            self.tally.margin.add(gradients.judge(case, found, self.expected_gradients(case, calls * backwards)))

    def run_back(self, case: Case, results: Sequence[Result], *, retain_graph: bool = False) -> None:
        """Differentiate results of a case, of which the gradients that come in are as they were afterwards."""
        if changed := self._timed("differentiating", gradients.backward, case, results, retain_graph):
            raise Disagreement("changed", f"differentiating changed the gradient that came in, {changed[0]}")

    def agrees_on_second_derivatives(self, case: Case) -> None:
        """Differentiate twice: one call, with cotangents that ask for gradients, then two calls, with some that do not.

        cuDNN is not used, of whose way back torch knows no derivative.
        """
        asked = gradients.ask(case)
        network = self.build_from(case, asked.weights)
        results: list[Result] = []
        with network.told(), torch.backends.cudnn.flags(enabled=False):
            for asking in (True, False):
                results.append(network.call_on(case, asked.x, asked.h_0))
                self.judge(case, results[-1], self.expected(case))
                given = case, asked, network.leaves(asked.weights), results, asking
                twice = self._timed("differentiating twice", second_derivatives.differentiate, *given)
                if asking:
                    self.tally.margin.add(gradients.judge(case, twice.first, self.expected_gradients(case)))
                expected = self.expected_second_derivatives(case, len(results))
                found = gradients.judge(case, twice.second, expected, "second derivative", "second derivative by")
                self.tally.margin.add(found)

    def expected_second_derivatives(self, case: Case, calls: int = 1) -> dict[str, Ball]:
        """Return the gradients of gradients of the losses of `calls` calls, as the reference bounds them."""
        return expecting.second_derivatives(case, self.implementation.rounding).of_calls(calls)

    def expected_gradients(self, case: Case, times: int = 1) -> dict[str, Ball]:
        """Gradients, so many `times` added up, as the reference bounds them for this implementation's rounding."""
        return expecting.gradients(case, self.implementation.rounding, times)

    def _timed(self, what: str, function: Callable[..., Any], *arguments: Any) -> Any:
        start, apart = time.perf_counter(), self.implementation.environment is not None
        # One that runs in a process of its own is waited for there, and ended.
        if not apart:
            RECORDER.begin(what)
        try:
            return guarded(what, function, *arguments)
        finally:
            if not apart:
                RECORDER.end()
            self.tally.implementation_seconds += time.perf_counter() - start


@dataclass(frozen=True)
class Network:
    """A network of the implementation on trial."""

    trial: Trial
    run: Run
    config: Config
    #: The first network of a trial is number 1.
    number: int = 1
    #: The cases on which it was called, the last one last.
    history: list[Case] = field(default_factory=list)

    def call(self, case: Case) -> Result:
        """Return the result on the case's input and initial state."""
        with torch.no_grad():
            return self.call_on(case, *case.tensors()[1:])

    @contextmanager
    def told(self) -> Iterator[None]:
        """Have a disagreement say on what the network was called."""
        try:
            yield
        except Disagreement as disagreement:
            disagreement.calls = tuple(self.history)
            raise

    def tensors_on(self, x: torch.Tensor, h_0: torch.Tensor | None) -> dict[str, torch.Tensor]:
        """Return the very tensors that are returned on these, by name."""
        given = (x,) if h_0 is None else (x, lengths.in_parts(self.config, h_0))
        with torch.no_grad():
            return tensors_in(self.call_raw(*given), self.config.kind)

    def call_on(self, case: Case, x: torch.Tensor, h_0: torch.Tensor | None) -> Result:
        """Return the result on these tensors of a case, handed over as it says, tracked as torch is set to."""
        self.history.append(case)
        if len(self.trial.made) < _MADE:
            self.trial.made.append((self.number, case))
        arguments = lengths.hand_over(case, x, h_0)
        returned = self.call_raw(*arguments)
        if case.lengths is not None:
            returned = lengths.receive(case, returned, arguments[0], self.trial.capabilities.padding)
        return as_result(returned, self.config.kind)

    def leaves(self, weights: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
        """Return the tensors that gradients of parameters go to: the network's own, or what it was built from."""
        own: Mapping[str, torch.Tensor] = getattr(self.run, "parameters", weights)
        if not isinstance(own, Mapping) or set(own) != set(weights):
            raise Disagreement("type", f"run.parameters should map {sorted(weights)} to tensors, found {own!r}")
        return own

    def call_raw(self, *arguments: Any) -> Any:
        """Whatever the network returns for any arguments."""
        return self.trial._timed("calling the network", self.run, *arguments)

    def agrees(self, case: Case) -> Result:
        """Call, compare with the reference, and hand back the result."""
        with self.told():
            result = self.call(case)
            self.trial.judge(case, result, self.trial.expected(case))
        return result


def trial_of(item: Any) -> Trial | None:
    """Return the trial that a pytest item is given, if it is given one."""
    found = getattr(item, "callspec", None) and item.callspec.params.get("trial")
    return found if isinstance(found, Trial) else None
