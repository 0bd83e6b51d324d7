import torch._inductor


def run(x, h_0, weights):
    given = (weights, x) if h_0 is None else (weights, x, h_0)
    package = torch._inductor.aoti_compile_and_package(torch.export.export(Exportable().eval(), given))
    return torch._inductor.aoti_load_package(package)(*given)
