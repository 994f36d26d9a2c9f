"""`torch.version`: which PyTorch the names are of, and that there is no GPU."""

from __future__ import annotations

cuda = None
hip = None
rocm = None
xpu = None
debug = False
