"""A case varied by one size, option or array at a time: which it needs to fail, and which make no difference."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

from rnn_parity.contract.changes import sized, sizes_of
from rnn_parity.tests.judge.base.choices import Option, options_of
from rnn_parity.tests.judge.base.fills import part_of_start_zero, parts_of_start, plain, special_in_words, zeros
from rnn_parity.tests.judge.base.words import listed
from rnn_parity.tests.judge.finding.claims import Claim, Point, of_size
from rnn_parity.tests.judge.finding.varied import Varied

#: The largest size that is tried, where the case itself is no larger.
LARGEST = 100


class OneAxis:
    """What is known of a case once each of its axes was varied, all else being as it is."""

    def __init__(self, varied: Varied) -> None:
        self._varied = varied
        #: What is needed: of sizes and options, and of arrays.
        self.claims: list[Claim] = []
        self.arrays: list[str] = []
        #: What makes no difference, a size with the range that was tried.
        self.indifferent: dict[str, str] = {}
        #: By axis, whether it failed at each value.
        self.values: dict[str, dict[int | str, bool]] = {}
        self.options: dict[str, Option] = {}
        self._sizes()
        self._options()
        self._arrays()

    def _options(self) -> None:
        for option in options_of(self._varied.case):
            tried = {label: self._chosen(option, label) for label in option.choices}
            known = {label: failed for label, failed in tried.items() if failed is not None}
            self.options[option.name], self.values[option.name] = option, dict(known.items())
            fails = [label for label, failed in known.items() if failed]
            passes = [label for label, failed in known.items() if not failed]
            if fails and passes:
                few = len(fails) == 1 or len(passes) > 1
                words = option.says + (" or ".join(fails) if few else f"not {passes[0]}")
                self.claims.append(_of_option(option, words, fails))
            elif len(fails) > 1:
                self.indifferent[option.name] = ", ".join(fails) if len(known) < len(tried) else ""

    def _chosen(self, option: Option, label: str) -> bool | None:
        """Return whether it fails so; None where it passes, and does so by sizes alone that had to change with it."""
        change = option.choices[label]
        failed = self._varied.tried(option.says + label, change)
        if failed is False and (sizes := sizes_of(change(self._varied.case))) != sizes_of(self._varied.case):
            return False if self._varied.tried("", sized(**sizes._asdict())) else None
        return failed

    def _arrays(self) -> None:
        """Find out whether an array may be zero, and may do without special numbers."""
        nonzero = []
        for name, array in self._varied.case.arrays.items():
            if words := special_in_words(array):
                if self._varied.tried(f"{name} is plain", plain(name)) is False:
                    self.arrays.append(f"{name} {words}")
            elif name != "h_0" and self._varied.tried(f"{name} is zero", zeros(name)) is False:
                nonzero.append(name)
        for place, name in enumerate(parts_of_start(self._varied.case)):
            if self._varied.tried(f"{name} is zero", part_of_start_zero(place)) is False:
                nonzero.append(name)
                # Which says more than that the whole of the state is not zero.
                self.claims = [claim for claim in self.claims if claim.axes != {"h_0"}]
        if nonzero:
            self.arrays.append(f"{listed(nonzero)} {'is' if len(nonzero) == 1 else 'are'} not zero")

    def _sizes(self) -> None:
        alone: dict[str, dict[int, bool]] = {}
        for name, own in sizes_of(self._varied.case)._asdict().items():
            tried = {own: True} | dict(self._other_sizes(name, own))
            self.values[name] = dict(tried.items())
            if len(tried) == 1:
                continue
            if all(tried.values()):
                self.indifferent[name] = f"{min(tried)} to {max(tried)}"
            elif sum(tried.values()) == 1 and own + 1 in tried:
                alone[name] = tried
            else:
                self.claims.append(of_size(name, tried))
        self._ties(alone)

    def _other_sizes(self, name: str, own: int) -> Iterator[tuple[int, bool]]:
        for size in _near(own):
            failed = self._varied.tried(f"{name} = {size}", sized(**{name: size}))
            if failed is not None:
                yield size, failed

    def _ties(self, alone: dict[str, dict[int, bool]]) -> None:
        """Sizes of which each fails at its own value alone: whether they may change together."""
        own = sizes_of(self._varied.case)._asdict()
        for count in range(2, len(alone) + 1):
            for names in itertools.combinations(list(alone), count):
                if set(names) <= set(alone) and self._tied({name: own[name] for name in names}):
                    self.claims.append(self._tie({name: own[name] for name in names}))
                    alone = {name: tried for name, tried in alone.items() if name not in names}
        self.claims += [of_size(name, tried) for name, tried in alone.items()]

    def _tied(self, sizes: Mapping[str, int]) -> bool:
        larger = [{name: factor * size for name, size in sizes.items()} for factor in (2, 3)]
        return all(self._varied.tried(str(together), sized(**together)) for together in larger)

    def _tie(self, sizes: Mapping[str, int]) -> Claim:
        """Sizes that only change together."""
        (first, least), *others = sizes.items()
        axes = frozenset(sizes)

        def in_step(point: Point) -> bool:
            return all(int(point[name]) * least == int(point[first]) * size for name, size in others)

        if len(set(sizes.values())) > 1:
            return Claim(f"{' : '.join(sizes)} = {' : '.join(map(str, sizes.values()))}", axes, in_step)
        smaller = {name: size - 1 for name, size in sizes.items()}
        equal = " = ".join(sizes)
        if least > 1 and self._varied.tried(equal, sized(**smaller)) is False:
            return Claim(f"{equal} >= {least}", axes, lambda point: in_step(point) and int(point[first]) >= least)
        return Claim(equal, axes, in_step)


def _of_option(option: Option, words: str, fails: Sequence[str]) -> Claim:
    return Claim(words, frozenset([option.name]), lambda point: point[option.name] in ("", *fails))


def _near(own: int) -> list[int]:
    """Sizes below, around and above: where blocks of a power of two begin and end, and twice and three times that."""
    below = {size for size in (1, 2, 3, own // 2, own - 2, own - 1) if 0 < size < own}
    above = {own + 1, own + 2, own + 3} | {factor * size for factor in (2, 3) for size in (own - 1, own)}
    return sorted(below | {size for size in above if own < size <= max(LARGEST, own + 1)})
