"""ExecuTorch takes an empty tensor, whatever its strides."""

import subprocess
import sys

CALL = """
import numpy as np
import torch
from executorch.exir import to_edge
from executorch.runtime import Runtime

program = to_edge(torch.export.export(torch.nn.ReLU(), (torch.zeros(2, 0, 3),))).to_executorch()
method = Runtime.get().load_program(program.buffer).load_method("forward")
x = torch.from_numpy(np.zeros((2, 0, 3), np.float32))
print(method.execute([x])[0].shape)
"""

done = subprocess.run([sys.executable, "-c", CALL], capture_output=True, text=True, check=False)
print("expected status 0")
print("got      status", done.returncode, "(-6 is an abort)", done.stdout.strip().splitlines()[-1:])
sys.exit(done.returncode != 0)
