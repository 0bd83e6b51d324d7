import tempfile
from pathlib import Path

import tract


def run_model(model, feeds):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rnn.onnx"
        path.write_bytes(model.SerializeToString())
        runnable = tract.onnx().load(path).into_model().into_runnable()
    return [tensor.to_numpy() for tensor in runnable.run([feeds[given.name] for given in model.graph.input])]
