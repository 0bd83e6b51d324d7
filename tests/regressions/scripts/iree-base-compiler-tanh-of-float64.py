"""IREE compiles tanh of float64 for the CPU."""

import sys

import iree.compiler

PROGRAM = """
func.func @activation(%x: tensor<4xf64>) -> tensor<4xf64> {
  %y = math.tanh %x : tensor<4xf64>
  return %y : tensor<4xf64>
}
"""

print("expected a program")
try:
    iree.compiler.compile_str(
        PROGRAM, target_backends=["llvm-cpu"], extra_args=["--iree-input-demote-f64-to-f32=false"]
    )
except iree.compiler.CompilerToolError as error:
    print("got     ", next(line for line in str(error).splitlines() if "undefined" in line))
    sys.exit(1)
print("got      one")
