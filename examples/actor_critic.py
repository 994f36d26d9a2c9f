"""Teach a network to balance a pole on a cart: advantage actor-critic.

This is a plain PyTorch script.  Run it under PyTorch or under retrograd:

    python examples/actor_critic.py
    retrograd run examples/actor_critic.py

Both print the same losses and the same lengths of time.  Everything is in double precision: a
last digit that differs would one day tip an action over, and from there on all would differ.
"""

import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical

SEED = 0
CARTS = 32
STEPS = 16
UPDATES = 150
PRINTED_UPDATES = 20
HIDDEN = 64
DISCOUNT = 0.99
LEARNING_RATE = 3e-3
ENTROPY_WEIGHT = 0.01
VALUE_WEIGHT = 0.5
LONGEST = 200


class CartPoles:
    """Carts with a pole each; an action pushes a cart to the left (0) or to the right (1).

    The equations are those of Barto, Sutton and Anderson (1983), by steps of 20 ms.
    """

    gravity = 9.8
    pole_mass, total_mass, half_length = 0.1, 1.1, 0.5
    force, time_step = 10.0, 0.02
    widest, steepest = 2.4, 12 * np.pi / 180

    def __init__(self, count):
        self.random = np.random.RandomState(SEED)
        self.state = self.random.uniform(-0.05, 0.05, (count, 4))
        self.lasted = np.zeros(count, dtype=int)
        self.finished = []

    def step(self, actions):
        """Push, and return which poles fell; those start anew."""
        place, speed, angle, turning = self.state.T
        push = np.where(actions == 1, self.force, -self.force)
        sine, cosine = np.sin(angle), np.cos(angle)
        moment = self.pole_mass * self.half_length
        pull = (push + moment * turning**2 * sine) / self.total_mass
        inertia = self.half_length * (4 / 3 - self.pole_mass * cosine**2 / self.total_mass)
        bending = (self.gravity * sine - cosine * pull) / inertia
        pushing = pull - moment * bending * cosine / self.total_mass
        change = np.stack([speed, pushing, turning, bending], axis=1)
        self.state = self.state + self.time_step * change
        self.lasted += 1

        place, angle = self.state[:, 0], self.state[:, 2]
        fell = (np.abs(place) > self.widest) | (np.abs(angle) > self.steepest)
        over = fell | (self.lasted == LONGEST)
        self.finished += self.lasted[over].tolist()
        self.lasted[over] = 0
        self.state[over] = self.random.uniform(-0.05, 0.05, (int(over.sum()), 4))
        return over


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, HIDDEN), nn.Tanh())
        self.actor = nn.Linear(HIDDEN, 2)
        self.critic = nn.Linear(HIDDEN, 1)

    def forward(self, state):
        features = self.body(state)
        return Categorical(logits=self.actor(features)), self.critic(features).squeeze(-1)


def roll_out(model, carts):
    """Let the actor play for STEPS steps, and return what the loss is made of."""
    log_probs, values, entropies, running = [], [], [], []
    for _ in range(STEPS):
        policy, value = model(torch.from_numpy(carts.state))
        action = policy.sample()
        over = carts.step(action.numpy())
        log_probs.append(policy.log_prob(action))
        values.append(value)
        entropies.append(policy.entropy())
        running.append(torch.from_numpy(1.0 - over))
    with torch.no_grad():
        _, last_value = model(torch.from_numpy(carts.state))
    return torch.stack(log_probs), torch.stack(values), torch.stack(entropies), running, last_value


def discounted(running, last_value):
    """The sum of the rewards (1 a step) from each step on, until the pole falls."""
    total = last_value
    totals = []
    for still in reversed(running):
        total = 1.0 + DISCOUNT * still * total
        totals.append(total)
    return torch.stack(totals[::-1])


def train(model, carts):
    """Yield the loss of each update."""
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    for _ in range(UPDATES):
        log_probs, values, entropies, running, last_value = roll_out(model, carts)
        advantages = discounted(running, last_value) - values
        actor_loss = -(log_probs * advantages.detach()).mean()
        critic_loss = advantages.pow(2).mean()
        loss = actor_loss + VALUE_WEIGHT * critic_loss - ENTROPY_WEIGHT * entropies.mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        yield loss.item()


def main():
    torch.manual_seed(SEED)
    torch.set_default_dtype(torch.float64)
    carts = CartPoles(CARTS)
    model = ActorCritic()
    for update, loss in enumerate(train(model, carts), start=1):
        if update <= PRINTED_UPDATES:
            print(f"update {update:2d}  loss {loss:.4g}")
    first, last = np.mean(carts.finished[:20]), np.mean(carts.finished[-20:])
    print(f"the pole stood for {first:.1f} steps at first, {last:.1f} at last")


if __name__ == "__main__":
    try:
        main()
    finally:
        torch.set_default_dtype(torch.float32)
