"""Imports: a framework is imported by the adapter that judges it, when it is judged, and by nothing before."""

from __future__ import annotations

import json
import subprocess
import sys

from rnn_parity.tests.suite import ROOT

#: Frameworks that have an adapter here or may come to have one.
FRAMEWORKS = (
    *("ai_edge_litert", "dynet", "executorch", "flashrnn", "flax", "haiku", "iree", "jax", "keras", "mindspore", "mlx"),
    *("mxnet", "ncnn", "onnx", "onnxruntime", "openvino", "paddle", "tensorflow", "tract", "tvm"),
)

#: What is imported beyond torch, numpy and hypothesis by importing our packages and loading the registry.
IMPORT_ALL = """
import json, sys
import hypothesis.strategies, numpy.random, torch, torch.utils.dlpack
before = {name.partition(".")[0] for name in sys.modules}
import rnn_parity, rnn_parity.strategies
rnn_parity.registered()
after = {name.partition(".")[0] for name in sys.modules}
print(json.dumps(sorted(after - before - sys.stdlib_module_names)))
"""

#: Which frameworks are imported by collecting every property for every implementation.
COLLECT = """
import json, sys
import pytest
code = pytest.main(["--collect-only", "-qq", "-p", "no:cacheprovider"])
print(json.dumps([int(code), sorted(set(sys.argv[1:]) & set(sys.modules))]))
"""


def said_by(program: str, *arguments: str) -> object:
    """The last line that a Python program prints in the root of the checkout, as JSON."""
    ran = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return json.loads(ran.stdout.splitlines()[-1])


def test_importing() -> None:
    """Importing the packages and loading the registry imports little beside torch, numpy and hypothesis."""
    assert said_by(IMPORT_ALL) == ["lazy_loader", "psutil", "rnn_parity"]


def test_collecting() -> None:
    """Collecting the items of every implementation imports no framework, nor what only the page of a run needs."""
    assert said_by(COLLECT, *FRAMEWORKS, "svg", "playwright") == [0, []]


def test_what_is_installed_alone_says_what_to_run() -> None:
    """As by pip --no-deps."""
    program = "import sys; sys.modules['lazy_loader'] = None; import rnn_parity"
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.stderr.endswith("there is no lazy_loader. Run python -m pip install rnn-parity\n")
