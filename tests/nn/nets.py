"""The small networks that several tests use."""

import retrograd as rg
from retrograd import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.scale = nn.Parameter(rg.ones(2))
        self.register_buffer("count", rg.zeros(1))
        self.register_buffer("scratch", rg.zeros(1), persistent=False)
        self.register_parameter("nothing", None)

    def forward(self, x):
        return self.layer(x) * self.scale


def make_net(torch, nn):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 2)
            self.scale = nn.Parameter(torch.ones(2))
            self.register_buffer("count", torch.zeros(1))
            self.register_buffer("scratch", torch.zeros(1), persistent=False)
            self.register_parameter("nothing", None)
            self.blocks = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Linear(2, 2, bias=False)))

        def forward(self, x):
            return self.blocks(self.layer(x) * self.scale)

    return Net()
