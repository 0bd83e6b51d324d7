"""On CPUs with AMX a NaN in one row of a bfloat16 batch reaches the row before it (uxlfoundation/oneDNN#5717)."""

import sys

import torch

rnn = torch.nn.RNN(33, 8, nonlinearity="relu", bias=False, dtype=torch.bfloat16)
for parameter in rnn.parameters():
    torch.nn.init.zeros_(parameter)
x = torch.zeros(1, 17, 33, dtype=torch.bfloat16)
x[0, 16, 0] = torch.nan
with torch.no_grad():
    output, _ = rnn(x)
rows = sorted({row for _, row, _ in output.isnan().nonzero().tolist()})
print("expected NaN in rows [16]")
print("got      NaN in rows", rows)
sys.exit(rows != [16])
