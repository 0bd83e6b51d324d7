"""ExecuTorch: a method keeps alive the program that it runs."""

import subprocess
import sys

CALL = """
import torch
from executorch.exir import to_edge
from executorch.runtime import Runtime

x = torch.zeros(2, 3)
buffer = to_edge(torch.export.export(torch.nn.RNN(3, 4), (x,))).to_executorch().buffer
method = Runtime.get().load_program(buffer).load_method("forward")
del buffer
others = [bytes(range(256)) * number for number in range(1000)]
print(method.execute([x])[0].shape)
"""

done = subprocess.run([sys.executable, "-c", CALL], capture_output=True, text=True, check=False)
print("expected status 0")
print("got      status", done.returncode, "(-11 is a segmentation fault)", done.stdout.strip().splitlines()[-1:])
sys.exit(done.returncode != 0)
