def run(x, h_0, weights):
    given = (weights, x) if h_0 is None else (weights, x, h_0)
    return torch.export.export(Exportable().eval(), given).module()(*given)
