"""IREE: a view of the array that `to_host()` returns keeps its memory alive."""

import sys

import iree.compiler
import numpy as np
from iree import runtime

PROGRAM = """
func.func @double(%x: tensor<16x16xf32>) -> tensor<16x16xf32> {
  %y = arith.addf %x, %x : tensor<16x16xf32>
  return %y : tensor<16x16xf32>
}
"""

program = iree.compiler.compile_str(PROGRAM, target_backends=["llvm-cpu"])
config = runtime.Config("local-sync")
double = runtime.load_vm_module(runtime.VmModule.copy_buffer(config.vm_instance, program), config)["double"]
x = np.ones((16, 16), np.float32)

view = double(x).to_host()[:]
later = [double(np.full_like(x, number)).to_host() for number in range(2, 12)]
print("expected", np.full(4, 2.0, np.float32))
print("got     ", view[0, :4])
sys.exit(not np.array_equal(view, 2 * x))
