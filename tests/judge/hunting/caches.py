"""What libraries keep of each shape that they were shown, bounded: a hunt shows them a million.

oneDNN keeps the code it has compiled for the last 1024 kinds of call, and ideep, between PyTorch and oneDNN, as many
once more. For bfloat16 that is half a megabyte a shape where the CPU has AMX:
https://uxlfoundation.github.io/oneDNN/dev_guide_primitive_cache.html, https://github.com/pytorch/pytorch/issues/27971.
"""

from __future__ import annotations

import os

#: By the variable that a library reads when it is used first: of how many shapes it keeps something. A case has few, so
#: that its calls find there what the calls before them left.
CAPACITIES = {"LRU_CACHE_CAPACITY": "64", "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64"}


def bound() -> None:
    """Bound them in this process and those that it starts; what the user has set stays."""
    for variable, capacity in CAPACITIES.items():
        os.environ.setdefault(variable, capacity)
