from torch import concatenate, stack, swapaxes
