def run_model(model, feeds):
    return infer(
        openvino.Core().read_model(model.SerializeToString()), [feeds[given.name] for given in model.graph.input]
    )
