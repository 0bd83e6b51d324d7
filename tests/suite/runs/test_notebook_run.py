"""The notebook, run as Jupyter runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from rnn_parity.tests.suite import ROOT

#: The sentence at the end of each verdict, in order.
SENTENCES = [
    (
        "by_parameters does not compute what nn.RNN computes: products with weights are taken element by element, "
        "* in the place of @."
    ),
    "by_parameters computes what nn.RNN computes (15 properties, 600 cases, worst error ",
    "mended computes what nn.RNN computes (15 properties, 600 cases, worst error ",
    "by_linear computes what nn.RNN computes (11 properties, 440 cases, worst error ",
    "nn.RNN computes what the reference computes (15 properties, 600 cases, worst error ",
    "Ported does not compute what nn.LSTM computes: the rows of the gates are read as i o f g, where they are i f g o.",
]


def test_the_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bug is found and named, what is mended is right, and each verdict is shown as HTML and as text."""
    notebook = nbformat.read(ROOT / "impls" / "notebook.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)  # They are of whoever runs it.
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    # The kernel is that of this environment, whatever others are installed for the user.
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    shown: list[Any] = [
        output["data"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output["output_type"] == "execute_result" and "text/html" in output["data"]
    ]
    assert len(shown) == len(SENTENCES)
    for found, sentence in zip(shown, SENTENCES, strict=True):
        assert sentence in " ".join(found["text/plain"].splitlines()[-3:]).replace("   ", " ")
        assert sentence in found["text/html"]
    assert "<caption>weight_ih_l0</caption>" in shown[0]["text/html"]
