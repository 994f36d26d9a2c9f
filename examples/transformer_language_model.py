"""Train a transformer to write sums: "7+8=15".

This is a plain PyTorch script.  Run it under PyTorch or under retrograd:

    python examples/transformer_language_model.py
    retrograd run examples/transformer_language_model.py

Both print the same losses.  The model reads characters, attends to those before each, and learns
to say the next one; then it writes what follows after "7+8=".
"""

import torch
from torch import nn

SEED = 0
CHARACTERS = "0123456789+= "
LENGTH = 6  # of "9+9=18"; shorter sums end in spaces
WIDTH = 48
HEADS = 4
LAYERS = 2
BATCH = 64
STEPS = 600
WARM_UP = 20
LEARNING_RATE = 0.004


def written(numbers):
    """The sums of pairs of numbers as rows of character numbers."""
    texts = [f"{a}+{b}={a + b}".ljust(LENGTH) for a, b in numbers.tolist()]
    return torch.tensor([[CHARACTERS.index(one) for one in text] for text in texts])


class LanguageModel(nn.Module):
    """For each place of a text, a score for every character that could come next."""

    def __init__(self):
        super().__init__()
        self.characters = nn.Embedding(len(CHARACTERS), WIDTH)
        self.places = nn.Embedding(LENGTH, WIDTH)
        layer = nn.TransformerEncoderLayer(
            WIDTH, HEADS, 2 * WIDTH, dropout=0.05, activation="gelu", batch_first=True
        )
        self.layers = nn.TransformerEncoder(layer, LAYERS)
        self.scores = nn.Linear(WIDTH, len(CHARACTERS))

    def forward(self, texts):
        length = texts.shape[1]
        features = self.characters(texts) + self.places(torch.arange(length))
        mask = nn.Transformer.generate_square_subsequent_mask(length)
        return self.scores(self.layers(features, mask=mask, is_causal=True))


def train(model):
    """Train for STEPS steps, yielding the loss of each."""
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    loss_function = nn.CrossEntropyLoss()
    model.train()
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * min(
                (step + 1) / WARM_UP, (STEPS - step) / (STEPS - WARM_UP)
            )
        texts = written(torch.randint(0, 10, (BATCH, 2)))
        scores = model(texts[:, :-1])
        optimizer.zero_grad()
        loss = loss_function(scores.flatten(0, 1), texts[:, 1:].flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        yield loss.item()


def finish(model, start):
    """Write the most probable character again and again, until a space."""
    model.eval()
    text = start
    with torch.no_grad():
        while len(text) < LENGTH:
            numbers = torch.tensor([[CHARACTERS.index(one) for one in text]])
            text += CHARACTERS[model(numbers)[0, -1].argmax().item()]
            if text.endswith(" "):
                break
    return text.strip()


def main():
    torch.manual_seed(SEED)
    model = LanguageModel()
    for step, loss in enumerate(train(model), start=1):
        if step <= 20:
            print(f"step {step:2d}  loss {loss:.4g}")
    right = sum(
        finish(model, f"{a}+{b}=") == f"{a}+{b}={a + b}" for a in range(10) for b in range(10)
    )
    for start in ("2+3=", "7+8=", "9+9="):
        print(finish(model, start))
    print(f"sums written correctly: {right} of 100")


if __name__ == "__main__":
    main()
