"""TVM's front end for exported programs keeps float64 in a matrix product."""

import sys

import numpy as np
import torch
import tvm
from tvm import relax
from tvm.relax.frontend.torch import from_exported_program


class Product(torch.nn.Module):
    def forward(self, x, weight):
        return torch.nn.functional.linear(x, weight)


x, weight = torch.tensor([[0.1]], dtype=torch.float64), torch.tensor([[1.0]], dtype=torch.float64)
module = from_exported_program(torch.export.export(Product(), (x, weight)))
call = relax.VirtualMachine(tvm.compile(module, "llvm"), tvm.cpu())["main"]

expected = Product()(x, weight).numpy()
got = call(tvm.runtime.tensor(x.numpy()), tvm.runtime.tensor(weight.numpy()))[0].numpy()
print("expected", repr(expected))
print("got     ", repr(got))
sys.exit(expected.dtype != got.dtype or not np.array_equal(expected, got))
