"""Training steps of recurrent networks: sequences in, the mean square of the results as loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..workload import Step, Workload

STEPS, BATCH, INPUTS, HIDDEN = 64, 16, 32, 64
RATE = 1e-6


def training_step(torch: Any, kind: str) -> Step:
    torch.manual_seed(0)
    layer = getattr(torch.nn, kind)(INPUTS, HIDDEN)
    optimizer = torch.optim.Adam(layer.parameters(), lr=RATE)
    random = np.random.default_rng(2)
    x = torch.from_numpy(random.standard_normal((STEPS, BATCH, INPUTS)).astype(np.float32))

    def step() -> Any:
        optimizer.zero_grad()
        results, _ = layer(x)
        loss = (results * results).mean()
        loss.backward()
        optimizer.step()
        return loss

    return step


def workload(name: str, kind: str, target: float | None = None) -> Workload:
    title = f"{kind} {INPUTS}-{HIDDEN}, {STEPS} steps, batch {BATCH}, Adam step"
    return Workload(name, title, lambda torch: training_step(torch, kind), target=target)


WORKLOADS = (workload("lstm", "LSTM", target=1.3), workload("gru", "GRU", target=1.3))
