"""Train a small residual network to read handwritten digits, with a warm-up and a decay.

This is a plain PyTorch script.  Run it under PyTorch or under retrograd:

    python examples/resnet_digits.py
    retrograd run examples/resnet_digits.py

Both print the same losses.
"""

import torch
import torch.nn.functional as F
from digits import HELD_OUT, load_digits, predict, split
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR

SEED = 0
EPOCHS = 4
BATCH = 64
WARM_UP = 10
PRINTED_STEPS = 20


class Block(nn.Module):
    """Two convolutions, added to their input (brought to their shape where it differs)."""

    def __init__(self, channels_in, channels_out, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels_out)
        self.shortcut = nn.Sequential()
        if stride != 1 or channels_in != channels_out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, stride, bias=False),
                nn.BatchNorm2d(channels_out),
            )

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + self.shortcut(x))


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(8)
        self.blocks = nn.Sequential(Block(8, 8), Block(8, 16, stride=2), Block(16, 32, stride=2))
        self.head = nn.Linear(32, 10)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x):
        x = F.relu(self.bn(self.stem(x.view(-1, 1, 8, 8))))
        x = F.adaptive_avg_pool2d(self.blocks(x), 1).flatten(1)
        return self.head(x)


def train(model, images, labels):
    """Train for EPOCHS epochs, yielding the loss of each step."""
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True
    )
    steps = EPOCHS * -(-len(images) // BATCH)
    scheduler = SequentialLR(
        optimizer,
        [
            LinearLR(optimizer, start_factor=0.1, total_iters=WARM_UP),
            CosineAnnealingLR(optimizer, T_max=steps - WARM_UP),
        ],
        milestones=[WARM_UP],
    )
    model.train()
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images)).split(BATCH):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images[batch]), labels[batch])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=5.0)
            optimizer.step()
            scheduler.step()
            yield loss.item()


def main():
    torch.manual_seed(SEED)
    images, labels, test_images, test_labels = split(*load_digits())
    model = ResNet()
    print(f"{sum(p.numel() for p in model.parameters())} parameters")
    for step, loss in enumerate(train(model, images, labels), start=1):
        if step <= PRINTED_STEPS:
            print(f"step {step:2d}  loss {loss:.4g}")
    correct = (predict(model, test_images) == test_labels).sum().item()
    print(f"at least 97 % of held-out digits are read: {correct >= 0.97 * HELD_OUT}")


if __name__ == "__main__":
    main()
