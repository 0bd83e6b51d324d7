import onnxruntime
import torch


def run(x, h_0, weights):
    given = [*weights.values(), x] if h_0 is None else [*weights.values(), x, h_0]
    program = torch.onnx.export(Exportable().eval(), (weights, *given[len(weights) :]), dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString(), providers=["CPUExecutionProvider"])
    feeds = {entry.name: tensor.numpy() for entry, tensor in zip(session.get_inputs(), given)}
    return [torch.from_numpy(array) for array in session.run(None, feeds)]
