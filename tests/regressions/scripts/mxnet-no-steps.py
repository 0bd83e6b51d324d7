"""MXNet: a sequence of no steps ends the process in float64; in float32 it is refused."""

import subprocess
import sys

CALL = """
import numpy
numpy.bool = bool
import mxnet
rnn = mxnet.gluon.rnn.RNN(1, input_size=1, dtype="{dtype}")
rnn.initialize()
try:
    print(rnn(mxnet.nd.array(numpy.zeros((0, 1, 1)), dtype="{dtype}")).asnumpy().shape)
except mxnet.MXNetError:
    print("MXNetError")
"""

done = {
    dtype: subprocess.run([sys.executable, "-c", CALL.format(dtype=dtype)], capture_output=True, text=True, check=False)
    for dtype in ("float32", "float64")
}
expected, got = ((done[dtype].returncode, done[dtype].stdout.strip()) for dtype in ("float32", "float64"))
print("expected", expected)
print("got     ", got)
sys.exit(got[0] != 0)
