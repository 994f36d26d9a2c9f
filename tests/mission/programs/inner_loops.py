"""Learning to learn sines: gradients through inner steps, Hessian-vector products."""

from collections import OrderedDict

import numpy as np
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

torch.manual_seed(0)
np.random.seed(0)


def sine(k=5):
    a, p = np.random.uniform(0.1, 5), np.random.uniform(0, np.pi)
    x = torch.from_numpy(np.random.uniform(-5, 5, (k * 2, 1))).float()
    y = a * torch.sin(x + p)
    return (x[:k], y[:k]), (x[k:], y[k:])


net = nn.Sequential(
    OrderedDict(
        [
            ("l1", nn.Linear(1, 20)),
            ("r1", nn.ReLU()),
            ("l2", nn.Linear(20, 20)),
            ("t", nn.Tanh()),
            ("l3", nn.Linear(20, 1)),
        ]
    )
)
print(net)
meta = torch.optim.Adam(net.parameters(), lr=1e-3)
for it in range(8):
    outer = 0.0
    for _task in range(4):
        (sx, sy), (qx, qy) = sine()
        fast = OrderedDict(net.named_parameters())
        for _ in range(2):
            l = F.mse_loss(functional_call(net, fast, (sx,)), sy)
            grads = torch.autograd.grad(l, fast.values(), create_graph=True)
            fast = OrderedDict((n, p - 0.01 * g) for (n, p), g in zip(fast.items(), grads))
        outer = outer + F.mse_loss(functional_call(net, fast, (qx,)), qy)
    meta.zero_grad()
    (outer / 4).backward()
    meta.step()
    print(f"{it} {outer.item() / 4:.4f}")
# manual weights
w = [torch.randn(3, 3, requires_grad=True), torch.zeros(3, requires_grad=True)]


def f(x, w):
    return torch.tanh(F.linear(x, w[0], w[1])).pow(2).sum()


x = torch.randn(4, 3)
g = torch.autograd.grad(f(x, w), w, create_graph=True)
w2 = [a - 0.1 * b for a, b in zip(w, g)]
gg = torch.autograd.grad(f(x, w2), w)
print(gg)


def hvp(v):
    gr = torch.autograd.grad(f(x, w), w, create_graph=True)
    flat = torch.cat([a.reshape(-1) for a in gr])
    return torch.autograd.grad(flat @ v, w)


print(hvp(torch.ones(12)))
