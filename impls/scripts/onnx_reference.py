from onnx.reference import ReferenceEvaluator


def run_model(model, feeds):
    return ReferenceEvaluator(model).run(None, feeds)
