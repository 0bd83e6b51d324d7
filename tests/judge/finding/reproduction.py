"""A counterexample as a script for somebody else: torch, the implementation's own library, and nothing of ours."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from rnn_parity import Implementation
from rnn_parity.contract import ELMAN, Array, Config, dtype_name
from rnn_parity.contract.axes import AXES
from rnn_parity.reference.balls import RADIUS_SLACK, Ball
from rnn_parity.registry import LIGHT
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.base.words import counted
from rnn_parity.tests.judge.demands.refusals import refuses_misuse
from rnn_parity.tests.judge.finding import calling, literals, script
from rnn_parity.tests.judge.finding.bundle import OURS, Bundle, NotSelfContained
from rnn_parity.tests.judge.reduction.counterexample import Counterexample
from rnn_parity.tests.judge.trial.observation import Observation, expected_on, observe
from rnn_parity.tests.judge.trial.trial import Trial
from rnn_parity.tests.judge.trial.verdict import error_over_bound

#: Nobody reads a script of more numbers.
MOST_NUMBERS = 10_000
#: Seconds that a script may take, which imports its library.
PATIENCE = 120
CONTRACT = OURS / "contract" / "__init__.py"


@dataclass(frozen=True)
class Reproduction:
    """A script, or why there is none."""

    script: str = ""
    reason: str = ""

    def told(self, again: str) -> str:
        """Return the command that writes the script, made of the one that finds the failure; or why there is none."""
        if not self.script:
            return f"no script of a single call: {self.reason}"
        return f"{again} --repro=reproduction.py{script.note(self.script)}"


def reproduction_of(counterexample: Counterexample) -> Reproduction:
    """Return the script of a counterexample, where its case fails by a single call, and that can be written."""
    implementation, case = counterexample.implementation, counterexample.case
    if counterexample.disagreement.name:
        return Reproduction(reason="the failure is what it does to its process, not what it returns")
    if reason := unwritable(implementation, case) or _unseen(counterexample):
        return Reproduction(reason=reason)
    text = script_of(implementation, case, counterexample.disagreement.text)
    light = implementation.library in LIGHT and implementation.environment is None and script.NEEDS_US not in text
    if not (fails_here(text) if light else fails_apart(text)):
        return Reproduction(reason="a script was written and run, and did not show the failure")
    return Reproduction(text)


def unwritable(implementation: Implementation, case: Case) -> str:
    """Return why no script can be written of a case, whether it fails or not."""
    name = implementation.name
    if not (implementation.script or _is_own(implementation)):
        return f"its adapter has no template of {implementation.library}'s own calls (register(..., script=...))"
    if sum(array.size for array in case.arrays.values()) > MOST_NUMBERS:
        return f"the case has more than {MOST_NUMBERS} numbers"
    foreign = implementation.script and implementation.library not in LIGHT
    if (
        foreign
        and case.has_cotangents
        and "run_gradients" not in implementation.script
        and not _on_torch(implementation)
    ):
        return f"the template of {name} shows no gradients"
    if implementation.script and case.misuse not in ("", "x-no-steps"):
        return f"the template of {name} cannot make the wrong call"
    if implementation.script and case.lengths is not None and "lengths" not in implementation.script:
        return f"the template of {name} has no sequences of different lengths"
    return ""


def _is_own(implementation: Implementation) -> bool:
    """Return whether the script calls the implementation's file itself: the user's, or one of ours in torch."""
    return implementation.library in LIGHT or bool(implementation.asked)


def _on_torch(implementation: Implementation) -> bool:
    """Return whether its template computes with torch's tensors, so that torch differentiates it."""
    return "to_own" not in implementation.script and "to_torch" not in implementation.script


def _unseen(counterexample: Counterexample) -> str:
    """Return why a script of one call would not show it; empty where it does."""
    implementation, case = counterexample.implementation, counterexample.case
    if case.misuse:
        refused = refuses_misuse(Trial(implementation), case)
        return "the wrong call is refused, and a right call after it fails" if refused else ""
    found = observe(implementation, case)
    if found.error:
        return "it raises on a case outside of its claims" if counterexample.property.name == "claims" else ""
    if differs(found, expected_on(implementation, case)):
        return ""
    return f"a single call on this case is right; {counterexample.property.name} fails by more than a single call"


def differs(found: Observation, expected: dict[str, Ball]) -> bool:
    """Return whether anything that was observed lies outside of its ball, or has another shape or dtype."""
    for name, ball in expected.items():
        part = found.parts[name]
        if part.shape != ball.mid.shape or found.dtypes[name] != found.case.config.dtype:
            return True
        if not (error_over_bound(part, ball) <= RADIUS_SLACK).all():
            return True
    return False


def fails_apart(text: str) -> bool:
    """Return whether a script, run in a separate process, ends as it does while the failure is there, or crashes."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "reproduction.py"
        path.write_text(text, encoding="utf-8")
        command = [sys.executable, str(path)]
        try:
            ran = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            return False
    # An error of the script itself ends it with 1 as well, before it has said what it found.
    return ran.returncode < 0 or (ran.returncode == 1 and script.SAID.search(ran.stdout.decode()) is not None)


def fails_here(text: str) -> bool:
    """Return whether a script, run in this process, ends as it does while the failure is there."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(action="ignore"):
            exec(compile(text, "reproduction.py", "exec"), {"__name__": "__main__"})  # noqa: S102
    except SystemExit as ended:
        return ended.code == 1
    except Exception:
        return False
    return False


def script_of(implementation: Implementation, case: Case, says: str) -> str:
    """Return the script itself."""
    return script.assemble(
        _title(implementation, case),
        [*_in_words(case), "", says],
        implementation.environment or {},
        [
            literals.literals(case, sizes=bool(implementation.script)),
            calling.nn_rnn(case),
            _middle(implementation, case),
            calling.calls(case, implementation),
            script.refusal(implementation.name, case.config.kind.module)
            if case.misuse
            else _comparison(implementation, case),
        ],
    )


def _title(implementation: Implementation, case: Case) -> str:
    libraries = {"torch": torch.__version__, **implementation.versions}
    versions = ", ".join(f"{library} {version}" for library, version in libraries.items())
    return f"{implementation.name} does not compute what torch.nn.{case.config.kind.module} computes ({versions})."


def _in_words(case: Case) -> list[str]:
    config = case.config
    directions = "both directions" if config.bidirectional else "one direction"
    said = [words for axis in AXES if (words := axis.words(case))]
    kind = f"A {config.nonlinearity} network" if config.kind is ELMAN else f"A {config.kind.module}"
    network = [counted(config.num_layers, "layer"), directions, counted(config.input_size, "input")]
    fed = f"on {counted(case.steps, 'step')} of {counted(case.batch_size, 'sequence')}"
    return [
        f"{kind} of {', '.join(network)} and {counted(config.hidden_size, 'hidden unit')},",
        f"{', '.join([fed, f'in {dtype_name(config.dtype)}', *said])}.",
    ]


def _comparison(implementation: Implementation, case: Case) -> str:
    balls = expected_on(implementation, case)
    free = _beyond_ends(implementation, case)
    expected = {}
    for name, ball in balls.items():
        allowed = np.where(np.isfinite(ball.mid), ball.rad * RADIUS_SLACK, 0.0)
        expected[name] = ball.mid, np.where(free, np.inf, allowed) if name == "output" and free is not None else allowed
    ulps = f", {case.config.nonlinearity} within {implementation.rounding.tanh_ulps:g} ulp"
    accuracy = ulps * (not case.config.activation.piecewise_linear)
    return script.comparison(implementation.name, case.config.kind.module, expected, accuracy)


def _beyond_ends(implementation: Implementation, case: Case) -> Array | None:
    """Return the mask of outputs that may be anything; None where no output may."""
    if case.counts is None or case.packed or implementation.capabilities.padding != "anything":
        return None
    counts = np.broadcast_to(case.counts, (case.steps, case.batch_size, 1))
    return np.asarray(case.in_layout(counts.astype(float)) == 0)


# The middle: what is judged


def _middle(implementation: Implementation, case: Case) -> str:
    if implementation.script:
        return calling.layers_around(implementation.script, case)
    module = getattr(implementation.build, "module", None)
    subject = implementation.build if module is None else module
    names = ["Config"] if module is None else []
    try:
        return (
            f"{_bundled(implementation, subject, names)}\n\n\n{_call(subject.__qualname__, case, module is not None)}"
        )
    except NotSelfContained as error:
        return f"{_imported(implementation, str(error))}\n\n\n{_call('build', case, is_module=False)}"


def _bundled(implementation: Implementation, subject: object, names: list[str]) -> str:
    path = _file_of(implementation, subject)
    bundle = Bundle(path.parent)
    for name in names:
        bundle.take(CONTRACT, name)
    bundle.take(path, subject.__qualname__)  # type: ignore[attr-defined]
    return bundle.checked(script.RESERVED)


def _file_of(implementation: Implementation, subject: object) -> Path:
    if implementation.asked.endswith(".py"):
        return Path(implementation.asked).resolve()
    module = sys.modules.get(getattr(subject, "__module__", ""))
    if module is None or not getattr(module, "__file__", None):
        raise NotSelfContained(f"{subject!r} comes from no file")
    return Path(str(module.__file__)).resolve()


def _imported(implementation: Implementation, reason: str) -> str:
    asked, name = implementation.asked or implementation.name, implementation.name
    if asked.endswith(".py"):
        asked = str(Path(asked).resolve())
    return (
        "from rnn_parity import Config, resolve\n\n"
        f"# To be run {script.NEEDS_US}: the implementation could not be written out here, as\n"
        f"# {reason}.\n"
        f"build = {{found.name: found.build for found in resolve({asked!r})}}[{name!r}]"
    )


#: A line of a script in which a build function is called: it may return a module.
_OWN_PARAMETERS = (
    'parameters.update(dict(network.named_parameters() if hasattr(network, "named_parameters") else '
    'getattr(network, "parameters", {})))'
)


def _call(name: str, case: Case, is_module: bool) -> str:
    config: Config = case.config
    arguments = [f"{key}={value!r}".replace("'", '"') for key, value in config.module_arguments().items()]
    if is_module:
        lines = [
            f"network = {name}({', '.join(arguments)}).to(x.dtype).eval()",
            "network.load_state_dict(weights)",
            *["parameters.update(network.named_parameters())"] * case.has_cotangents,
        ]
    else:
        lines = [
            f"config = Config({', '.join([*arguments, f'dtype={config.dtype}'])})",
            f"network = {name}(config, weights)",
            *[_OWN_PARAMETERS] * case.has_cotangents,
        ]
    body = "\n".join(f"    {line}" for line in [*lines, *calling.handed_over(case)])
    return f"def run(x, h_0, weights):\n{body}"
