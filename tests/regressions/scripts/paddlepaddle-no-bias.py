"""paddle.nn.SimpleRNN without biases, as Paddle's guide for users of PyTorch says it, is built and can be called."""

import subprocess
import sys

CALL = """
import paddle
network = paddle.nn.SimpleRNN(2, 3, bias_ih_attr=False, bias_hh_attr=False, {more})
print(network(paddle.ones([1, 4, 2]))[0].shape)
"""

statuses = []
for more in ("", "num_layers=2", "direction='bidirect'"):
    done = subprocess.run([sys.executable, "-c", CALL.format(more=more)], capture_output=True, text=True, check=False)
    said = done.stderr.strip().splitlines()[-1:] if done.returncode > 0 else done.stdout
    print(f"SimpleRNN({more or 'one layer'}): expected status 0, got {done.returncode} {said}")
    statuses.append(done.returncode)

sys.exit(any(statuses))
