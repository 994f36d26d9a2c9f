"""Train a classifier of short texts: is the review glad or not, and of what does it speak?

This is a plain PyTorch script.  Run it under PyTorch or under retrograd:

    python examples/embedding_bag_text.py
    retrograd run examples/embedding_bag_text.py

Both print the same losses.  A text is a bag of words: nn.EmbeddingBag averages a learned vector
for each of them, and a small network reads the average.  The texts are made here.
"""

import torch
from torch import nn

SEED = 0
TEXTS = 1200
HELD_OUT = 200
WIDTH = 16
BATCH = 50
EPOCHS = 12
LEARNING_RATE = 0.01
STEPS_SHOWN = 20

TOPICS = {
    "food": ("soup", "bread", "tea", "cake", "cook", "spoon"),
    "travel": ("train", "map", "hotel", "beach", "ticket", "road"),
    "music": ("song", "drum", "choir", "violin", "concert", "tune"),
}
MOODS = {
    "glad": ("lovely", "fine", "warm", "bright", "again"),
    "sorry": ("dull", "late", "cold", "broken", "never"),
}
FILLERS = ("the", "a", "was", "and", "very", "it", "we", "had", "there", "with", "of", "to")
CLASSES = [(topic, mood) for topic in TOPICS for mood in MOODS]
WORDS = [word for words in (*TOPICS.values(), *MOODS.values(), FILLERS) for word in words]
NUMBERS = {word: number for number, word in enumerate(WORDS)}


def drawn(words, count):
    """Words drawn at random, each anew."""
    return [words[number] for number in torch.randint(0, len(words), (count,)).tolist()]


def make_text(topic, mood):
    """Words of the topic, of the mood, and others, in random order."""
    extra = int(torch.randint(2, 9, ()))
    words = drawn(TOPICS[topic], 2) + drawn(MOODS[mood], 2) + drawn(FILLERS, extra)
    if torch.rand(()) < 0.5:
        # One word of another topic or of the other mood, so that no single word decides.
        words += drawn(WORDS, 1)
    return [words[place] for place in torch.randperm(len(words)).tolist()]


def make_texts():
    """Texts as tensors of word numbers, and their classes."""
    labels = torch.randint(0, len(CLASSES), (TEXTS,))
    texts = [make_text(*CLASSES[label]) for label in labels.tolist()]
    return [torch.tensor([NUMBERS[word] for word in text]) for text in texts], labels


def joined(texts):
    """Texts of different lengths one after the other, and where each starts."""
    lengths = torch.tensor([len(text) for text in texts])
    return torch.cat(texts), lengths.cumsum(0) - lengths


class Classifier(nn.Module):
    """A score for each class from the average of a text's word vectors."""

    def __init__(self):
        super().__init__()
        self.words = nn.EmbeddingBag(len(WORDS), WIDTH, mode="mean")
        self.hidden = nn.Linear(WIDTH, WIDTH)
        self.dropout = nn.Dropout(0.2)
        self.scores = nn.Linear(WIDTH, len(CLASSES))

    def forward(self, texts, offsets):
        return self.scores(self.dropout(torch.relu(self.hidden(self.words(texts, offsets)))))


def train(model, texts, labels):
    """Train for EPOCHS epochs, yielding the loss of each step."""
    loss_function = nn.CrossEntropyLoss(label_smoothing=0.05)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    model.train()
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(texts)).split(BATCH):
            optimizer.zero_grad()
            scores = model(*joined([texts[number] for number in batch.tolist()]))
            loss = loss_function(scores, labels[batch])
            loss.backward()
            optimizer.step()
            yield loss.item()


def predict(model, texts):
    """The most probable class of each text."""
    model.eval()
    with torch.no_grad():
        return model(*joined(texts)).argmax(1)


def main():
    torch.manual_seed(SEED)
    texts, labels = make_texts()
    model = Classifier()
    for step, loss in enumerate(train(model, texts[HELD_OUT:], labels[HELD_OUT:]), start=1):
        if step <= STEPS_SHOWN:
            print(f"step {step:2d}  loss {loss:.4g}")
    found = predict(model, texts[:HELD_OUT])
    print(f"held-out texts read correctly: {(found == labels[:HELD_OUT]).sum()} of {HELD_OUT}")
    for text in ("the soup was cold and the bread was dull", "a lovely song and a bright choir"):
        numbers = torch.tensor([NUMBERS[word] for word in text.split()])
        topic, mood = CLASSES[predict(model, [numbers])]
        print(f"{text!r}: {topic}, {mood}")


if __name__ == "__main__":
    main()
