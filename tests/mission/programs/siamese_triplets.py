"""A siamese network with triplet, contrastive and cosine losses on dictionaries of pairs."""

import random

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

random.seed(1)
torch.manual_seed(1)


class Pairs(Dataset):
    def __init__(self):
        self.x = torch.randn(40, 1, 12, 12)
        self.y = torch.arange(40) % 4

    def __len__(self):
        return 40

    def __getitem__(self, i):
        a = self.x[i]
        pos = random.choice([j for j in range(40) if self.y[j] == self.y[i]])
        neg = random.choice([j for j in range(40) if self.y[j] != self.y[i]])
        return {"anchor": a, "positive": self.x[pos], "negative": self.x[neg], "label": self.y[i]}


class Emb(nn.Module):
    def __init__(self):
        super().__init__()
        self.cnn = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(1, 4, kernel_size=3),
            nn.ReLU(inplace=True),
            nn.BatchNorm2d(4),
            nn.Dropout2d(p=0.2),
            nn.AvgPool2d(2),
            nn.Conv2d(4, 8, 3),
            nn.PReLU(8),
            nn.AdaptiveMaxPool2d(2),
        )
        self.fc = nn.Sequential(nn.Linear(32, 16), nn.PReLU(), nn.Linear(16, 8))

    def forward(self, x):
        x = self.cnn(x)
        x = x.view(x.size()[0], -1)
        return F.normalize(self.fc(x), p=2, dim=1)


class ContrastiveLoss(torch.nn.Module):
    def __init__(self, margin=2.0):
        super().__init__()
        self.margin = margin

    def forward(self, o1, o2, label):
        d = F.pairwise_distance(o1, o2, keepdim=True)
        return torch.mean(
            (1 - label) * torch.pow(d, 2)
            + (label) * torch.pow(torch.clamp(self.margin - d, min=0.0), 2)
        )


net = Emb()
print(net)
opt = torch.optim.Adamax(net.parameters(), lr=2e-3)
trip = nn.TripletMarginLoss(margin=0.5, p=2, swap=True)
trip2 = nn.TripletMarginWithDistanceLoss(
    distance_function=lambda a, b: 1 - F.cosine_similarity(a, b), margin=0.3
)
con = ContrastiveLoss()
cos = nn.CosineEmbeddingLoss(margin=0.2)
for _epoch in range(2):
    for b in DataLoader(Pairs(), batch_size=10, shuffle=True, drop_last=True):
        opt.zero_grad()
        a, p, n = net(b["anchor"]), net(b["positive"]), net(b["negative"])
        l1, l2, l3, l4 = (
            trip(a, p, n),
            trip2(a, p, n),
            con(a, n, (b["label"] % 2).float().unsqueeze(1)),
            cos(a, p, torch.ones(10)),
        )
        (l1 + l2 + l3 + l4).backward()
        opt.step()
        print(f"{l1:.4f} {l2:.4f} {l3:.4f} {l4:.4f}")
net.eval()
e = net(Pairs().x[:6])
print(torch.cdist(e, e))
d = torch.mm(e, e.t())
print(d.topk(2, dim=1, largest=True, sorted=True))
