"""The same optimizer on the same gradients in retrograd and in PyTorch."""

import numpy as np
import pytest

import retrograd as rg

SHAPES = [(16, 2), (16,), (16, 16), (16,), (1, 16), (1,), (), (120, 100), (3, 0), (5, 4)]


class Twins:
    """A list of parameters and an optimizer, in both libraries.

    Parameters
    ----------
    name : str
        The optimizer class.
    settings : dict
    grouped : bool
        Whether the first three parameters make a group with a learning rate of its own.
    dtype : numpy dtype
    """

    def __init__(self, name, settings, grouped=False, dtype=np.float64, shapes=SHAPES):
        torch = pytest.importorskip("torch")
        self.torch = torch
        self.random = np.random.default_rng(0)
        values = [np.asarray(self.random.standard_normal(s), dtype) for s in shapes]
        values[-1] = np.asfortranarray(values[-1])
        self.ours = [rg.from_numpy(v.copy(order="K")).requires_grad_() for v in values]
        self.theirs = [torch.from_numpy(v.copy(order="K")).requires_grad_() for v in values]
        self.optimizer = getattr(rg.optim, name)(self._groups(self.ours, grouped), **settings)
        self.oracle = getattr(torch.optim, name)(self._groups(self.theirs, grouped), **settings)

    def _groups(self, params, grouped):
        if not grouped:
            return list(params)
        return [{"params": params[:3], "lr": 0.05}, {"params": params[3:]}]

    def step(self, number=0, missing=None):
        """Give both the same random gradients, `missing(param, step)` none, and step."""
        for index, (ours, theirs) in enumerate(zip(self.ours, self.theirs, strict=True)):
            if missing is not None and missing(index, number):
                ours.grad = None
                theirs.grad = None
                continue
            values = self.random.standard_normal(theirs.shape)
            values = np.asarray(values).astype(theirs.detach().numpy().dtype)
            ours.grad = rg.from_numpy(values.copy())
            theirs.grad = self.torch.from_numpy(values.copy())
        self.optimizer.step()
        self.oracle.step()

    def run(self, steps=50, missing=None, between=None):
        """Step many times; `between(twins, step)` may change something before each."""
        for number in range(steps):
            if between is not None:
                between(self, number)
            self.step(number, missing)
        return self

    def change(self, change):
        """Call ``change(optimizer, params)`` on both sides."""
        change(self.optimizer, self.ours)
        change(self.oracle, self.theirs)

    def check(self, tolerance=1e-6, state=True):
        """Compare parameters, state and text."""
        for ours, theirs in zip(self.ours, self.theirs, strict=True):
            check_close(ours, theirs, tolerance)
        assert repr(self.optimizer) == repr(self.oracle)
        if not state:
            return
        ours, theirs = self.optimizer.state_dict(), self.oracle.state_dict()
        assert str(ours["param_groups"]) == str(theirs["param_groups"])
        assert sorted(ours["state"]) == sorted(theirs["state"])
        for key, entry in theirs["state"].items():
            assert list(ours["state"][key]) == list(entry)
            for name, value in entry.items():
                found = ours["state"][key][name]
                assert str(found.dtype) == str(value.dtype)
                assert tuple(found.shape) == tuple(value.shape)
                check_close(found, value, tolerance)


def check_close(ours, theirs, tolerance):
    """Compare a tensor of each library."""
    np.testing.assert_allclose(
        ours.detach().numpy(), theirs.detach().numpy(), rtol=0, atol=tolerance
    )


def converted(value, source, target):
    """Return a state_dict with tensors of one library replaced by the other's."""
    if isinstance(value, source.Tensor):
        return target.tensor(value.numpy().copy())
    if isinstance(value, dict):
        return {key: converted(item, source, target) for key, item in value.items()}
    if isinstance(value, list):
        return [converted(item, source, target) for item in value]
    return value


def loaded_from_torch(state_dict):
    """Return PyTorch's state_dict with retrograd's tensors."""
    import torch

    return converted(state_dict, torch, rg)


def saved_for_torch(state_dict):
    """Return retrograd's state_dict with PyTorch's tensors."""
    import torch

    return converted(state_dict, rg, torch)
