"""Reversing sequences: a GRU encoder, a decoder with Bahdanau's attention, teacher forcing."""

import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import optim
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
torch.manual_seed(0)
np.random.seed(0)
random.seed(0)
SOS_token = 0
EOS_token = 1
MAX_LENGTH = 7


class EncoderRNN(nn.Module):
    def __init__(self, input_size, hidden_size, dropout_p=0.1):
        super().__init__()
        self.hidden_size = hidden_size
        self.embedding = nn.Embedding(input_size, hidden_size)
        self.gru = nn.GRU(hidden_size, hidden_size, batch_first=True)
        self.dropout = nn.Dropout(dropout_p)

    def forward(self, input):
        embedded = self.dropout(self.embedding(input))
        output, hidden = self.gru(embedded)
        return output, hidden


class BahdanauAttention(nn.Module):
    def __init__(self, hidden_size):
        super().__init__()
        self.Wa = nn.Linear(hidden_size, hidden_size)
        self.Ua = nn.Linear(hidden_size, hidden_size)
        self.Va = nn.Linear(hidden_size, 1)

    def forward(self, query, keys):
        scores = self.Va(torch.tanh(self.Wa(query) + self.Ua(keys)))
        scores = scores.squeeze(2).unsqueeze(1)
        weights = F.softmax(scores, dim=-1)
        context = torch.bmm(weights, keys)
        return context, weights


class AttnDecoderRNN(nn.Module):
    def __init__(self, hidden_size, output_size, dropout_p=0.1):
        super().__init__()
        self.embedding = nn.Embedding(output_size, hidden_size)
        self.attention = BahdanauAttention(hidden_size)
        self.gru = nn.GRU(2 * hidden_size, hidden_size, batch_first=True)
        self.out = nn.Linear(hidden_size, output_size)
        self.dropout = nn.Dropout(dropout_p)

    def forward(self, encoder_outputs, encoder_hidden, target_tensor=None):
        batch_size = encoder_outputs.size(0)
        decoder_input = torch.empty(batch_size, 1, dtype=torch.long, device=device).fill_(SOS_token)
        decoder_hidden = encoder_hidden
        decoder_outputs = []
        attentions = []
        for i in range(MAX_LENGTH):
            decoder_output, decoder_hidden, attn_weights = self.forward_step(
                decoder_input, decoder_hidden, encoder_outputs
            )
            decoder_outputs.append(decoder_output)
            attentions.append(attn_weights)
            if target_tensor is not None:
                decoder_input = target_tensor[:, i].unsqueeze(1)
            else:
                _, topi = decoder_output.topk(1)
                decoder_input = topi.squeeze(-1).detach()
        decoder_outputs = torch.cat(decoder_outputs, dim=1)
        decoder_outputs = F.log_softmax(decoder_outputs, dim=-1)
        attentions = torch.cat(attentions, dim=1)
        return decoder_outputs, decoder_hidden, attentions

    def forward_step(self, input, hidden, encoder_outputs):
        embedded = self.dropout(self.embedding(input))
        query = hidden.permute(1, 0, 2)
        context, attn_weights = self.attention(query, encoder_outputs)
        input_gru = torch.cat((embedded, context), dim=2)
        output, hidden = self.gru(input_gru, hidden)
        output = self.out(output)
        return output, hidden, attn_weights


n = 60
src = np.random.randint(2, 12, (n, MAX_LENGTH))
src[:, -1] = EOS_token
tgt = src[:, ::-1].copy()
tgt = np.roll(tgt, -1, 1)
train_data = TensorDataset(torch.LongTensor(src).to(device), torch.LongTensor(tgt).to(device))
loader = DataLoader(train_data, sampler=RandomSampler(train_data), batch_size=16)
enc = EncoderRNN(12, 24).to(device)
dec = AttnDecoderRNN(24, 12).to(device)
print(enc)
print(dec)
eo = optim.Adam(enc.parameters(), lr=0.005)
do = optim.Adam(dec.parameters(), lr=0.005)
criterion = nn.NLLLoss()
for epoch in range(4):
    total = 0
    for data in loader:
        a, b = data
        eo.zero_grad()
        do.zero_grad()
        o, h = enc(a)
        d, _, _ = dec(o, h, b)
        loss = criterion(d.view(-1, d.size(-1)), b.view(-1))
        loss.backward()
        eo.step()
        do.step()
        total += loss.item()
    print(f"epoch {epoch} {total / len(loader):.4f}")
with torch.no_grad():
    enc.eval()
    dec.eval()
    o, h = enc(train_data[:2][0])
    d, _, att = dec(o, h)
    _, topi = d.topk(1)
    print(topi.squeeze())
    print(att)
