"""paddle.nn.SimpleRNN refuses a sequence of no steps with an error, or hands the initial state back."""

import subprocess
import sys

CALL = """
import paddle
network = paddle.nn.SimpleRNN(1, 1)
try:
    print(network(paddle.zeros([1, 0, 1])))
except Exception as error:
    print(error)
"""

status = subprocess.run([sys.executable, "-c", CALL], stderr=subprocess.DEVNULL, check=False).returncode
print("expected status 0")
print("got      status", status, "(-11 is a segmentation fault)" if status == -11 else "")
sys.exit(status != 0)
