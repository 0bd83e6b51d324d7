"""TVM compiles reshapes of an empty tensor, which its front end for exported programs has translated."""

import sys

import torch
import tvm
from tvm.relax.frontend.torch import from_exported_program


class Rows(torch.nn.Module):
    def forward(self, x):
        return x.unsqueeze(0).reshape(0, 1) + 1


module = from_exported_program(torch.export.export(Rows(), (torch.zeros(0, 1),)))
print("expected a compiled function")
try:
    tvm.compile(module, "llvm")
except ValueError as error:
    print("got      ValueError:", error)
    sys.exit(1)
print("got      one")
