"""TVM's ReLU hands a NaN on."""

import sys

import numpy as np
import torch
import tvm
from tvm import relax
from tvm.relax.frontend.torch import from_exported_program

module = from_exported_program(torch.export.export(torch.nn.ReLU(), (torch.zeros(1),)))
call = relax.VirtualMachine(tvm.compile(module, "llvm"), tvm.cpu())["main"]

expected = np.array([np.nan], np.float32)
got = call(tvm.runtime.tensor(expected))[0].numpy()
print("expected", expected)
print("got     ", got)
sys.exit(not np.array_equal(expected, got, equal_nan=True))
