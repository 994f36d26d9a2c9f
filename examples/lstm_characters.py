"""Train an LSTM to write small sentences, character by character.

This is a plain PyTorch script.  Run it under PyTorch or under retrograd:

    python examples/lstm_characters.py
    retrograd run examples/lstm_characters.py

Both print the same losses.  The sentences come from a small grammar in which the number at the
beginning decides how noun and verb end, so the network has to remember it: "one old dog sleeps.",
"two old dogs sleep."
"""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence

SEED = 0
SENTENCES = 400
BATCH = 32
HIDDEN = 64
LEARNING_RATE = 1e-2
STEPS_SHOWN = 20
STEPS = 300
TEMPERATURE = 0.3
WRITTEN = 20

NUMBERS = ("one", "two", "three")
ADJECTIVES = ("old", "small", "grey")
NOUNS = ("dog", "bird", "horse")
VERBS = ("sleep", "run", "eat")
ALPHABET = "\n .abcdefghijklmnopqrstuvwxyz"  # a line break begins a sentence and ends it


def sentence(number, adjective, noun, verb):
    """One sentence of the grammar."""
    if number == "one":
        return f"{number} {adjective} {noun} {verb}s."
    return f"{number} {adjective} {noun}s {verb}."


def make_sentences(count):
    """Sentences drawn at random, each as the numbers of its characters."""
    lists = (NUMBERS, ADJECTIVES, NOUNS, VERBS)
    choices = torch.randint(0, 3, (count, len(lists)))
    texts = [
        sentence(*[words[choice] for words, choice in zip(lists, row)]) for row in choices.tolist()
    ]
    return [torch.tensor([ALPHABET.index(c) for c in f"\n{text}\n"]) for text in texts]


class Writer(nn.Module):
    """Characters in, scores for the character that comes next out."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(len(ALPHABET), HIDDEN)
        self.head = nn.Linear(HIDDEN, len(ALPHABET))
        self.register_buffer("codes", torch.eye(len(ALPHABET)), persistent=False)

    def forward(self, characters):
        """Scores for packed sequences of characters, as rows."""
        codes = characters._replace(data=self.codes[characters.data])
        results, _ = self.lstm(codes)
        return self.head(results.data)

    @torch.no_grad()
    def write(self, count, longest=40):
        """Sentences drawn character by character."""
        state = None
        last = torch.zeros(count, dtype=torch.int64)
        columns = []
        for _ in range(longest):
            results, state = self.lstm(self.codes[last].unsqueeze(0), state)
            chances = (self.head(results[0]) / TEMPERATURE).softmax(1)
            last = torch.multinomial(chances, 1).squeeze(1)
            columns.append(last)
        rows = torch.stack(columns, 1).tolist()
        texts = ["".join([ALPHABET[number] for number in row]) for row in rows]
        return [text.partition("\n")[0] for text in texts]


def train(model, sentences, steps):
    """Train on batches of sentences of different lengths, yielding the loss of each."""
    loss_function = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    for _ in range(steps):
        chosen = [sentences[k] for k in torch.randint(0, len(sentences), (BATCH,)).tolist()]
        given = pack_sequence([one[:-1] for one in chosen], enforce_sorted=False)
        wanted = pack_sequence([one[1:] for one in chosen], enforce_sorted=False)
        optimizer.zero_grad()
        loss = loss_function(model(given), wanted.data)
        loss.backward()
        optimizer.step()
        yield loss.item()


def is_right(text):
    """Whether a sentence follows the grammar."""
    words = text.split(" ")
    if len(words) != 4 or words[2].rstrip("s") not in NOUNS:
        return False
    number, adjective, noun, verb = words
    verb = verb.rstrip(".s")
    allowed = number in NUMBERS and adjective in ADJECTIVES and verb in VERBS
    return allowed and text == sentence(number, adjective, noun.rstrip("s"), verb)


def main():
    torch.manual_seed(SEED)
    sentences = make_sentences(SENTENCES)
    model = Writer()
    for step, loss in enumerate(train(model, sentences, STEPS), start=1):
        if step <= STEPS_SHOWN:
            print(f"step {step:2d}  loss {loss:.4g}")
    texts = model.write(WRITTEN)
    right = sum([is_right(text) for text in texts])
    print("\n".join(sorted(set(texts))[:3]))
    print(f"after {STEPS} steps: {right} of {WRITTEN} sentences written are in the grammar")


if __name__ == "__main__":
    main()
