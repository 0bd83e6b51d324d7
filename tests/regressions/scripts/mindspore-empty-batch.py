"""MindSpore: a batch of no rows cannot be differentiated, and after thirty calls with rows it ends the process."""

import subprocess
import sys

PREAMBLE = """
import mindspore, numpy
rnn = mindspore.nn.RNN(1, 1, bidirectional=True)
rows, none = (mindspore.Tensor(numpy.ones(shape, numpy.float32)) for shape in ((2, 1, 1), (1, 0, 1)))
"""
CALLS = {
    "differentiating": "print(mindspore.grad(lambda x: rnn(x)[0].sum())(none).shape)",
    "calling": "[rnn(rows)[0].asnumpy() for _ in range(30)]; print(rnn(none)[0].asnumpy().shape)",
}
expected = {"differentiating": "0 (1, 0, 1)", "calling": "0 (1, 0, 2)"}

got = {}
for what, call in CALLS.items():
    done = subprocess.run([sys.executable, "-c", PREAMBLE + call], capture_output=True, text=True, check=False)
    got[what] = f"{done.returncode} {done.stdout.strip()}"
print("expected", expected)
print("got     ", got)
sys.exit(got != expected)
