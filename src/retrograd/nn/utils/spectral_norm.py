"""A weight divided by its largest singular value before each call (the former, hook form)."""

from __future__ import annotations

from typing import Any, TypeVar

from ...autograd import no_grad
from ...ops.linear_algebra import mv_front as mv
from ...tensor import Tensor
from .. import functional as F
from ..module import Module
from ..parameter import Parameter

M = TypeVar("M", bound=Module)

# Modules whose weight has its outputs in the second dimension.
TRANSPOSED = ("ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d")


def output_dim(module: Module) -> int:
    """Return the dimension of a module's weight that numbers its outputs."""
    names = [kind.__name__ for kind in type(module).__mro__]
    return 1 if any(name in TRANSPOSED for name in names) else 0


def as_matrix(weight: Any, dim: int) -> Any:
    """Return a weight as a matrix whose rows are its slices along `dim`."""
    if dim != 0:
        weight = weight.movedim(dim, 0)
    return weight.reshape(weight.size(0), -1)


class SpectralNorm:
    """The hook that computes a parameter from ``<name>_orig`` by power iteration."""

    # Of the saved state: without a version, the state of the second vector is missing.
    _version: int = 1

    def __init__(
        self, name: str = "weight", n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ) -> None:
        self.name = name
        self.dim = dim
        if n_power_iterations <= 0:
            raise ValueError(
                "Expected n_power_iterations to be positive, but got "
                f"n_power_iterations={n_power_iterations}"
            )
        self.n_power_iterations = n_power_iterations
        self.eps = eps

    def reshape_weight_to_matrix(self, weight: Tensor) -> Tensor:
        """Return the weight as a matrix of output rows."""
        result: Tensor = as_matrix(weight, self.dim)
        return result

    def compute_weight(self, module: Module, do_power_iteration: bool) -> Any:
        """Return the normalised weight, after iterating if asked to."""
        weight = getattr(module, self.name + "_orig")
        u = getattr(module, self.name + "_u")
        v = getattr(module, self.name + "_v")
        matrix = self.reshape_weight_to_matrix(weight)
        if do_power_iteration:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    # In place: copies of the module on other threads share them.
                    v.copy_(F.normalize(mv(matrix.t(), u), dim=0, eps=self.eps))
                    u.copy_(F.normalize(mv(matrix, v), dim=0, eps=self.eps))
                u, v = u.clone(), v.clone()
        return weight / u.dot(mv(matrix, v))

    def remove(self, module: Module) -> None:
        """Put the present weight back as a parameter."""
        with no_grad():
            weight = self.compute_weight(module, do_power_iteration=False)
        delattr(module, self.name)
        for ending in ("_u", "_v", "_orig"):
            delattr(module, self.name + ending)
        module.register_parameter(self.name, Parameter(weight.detach()))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module, module.training))

    def _solve_v_and_rescale(self, matrix: Any, u: Any, target_sigma: Any) -> Any:
        """Return v of u' W v = sigma, when only u and the normalised weight were saved."""
        v = mv((matrix.t() @ matrix).pinverse(), mv(matrix.t(), u))
        return v * (target_sigma / u.dot(mv(matrix, v)))

    @staticmethod
    def apply(
        module: Module, name: str, n_power_iterations: int, dim: int, eps: float
    ) -> SpectralNorm:
        """Take a parameter apart and register the hooks."""
        for hook in module._forward_pre_hooks.values():
            if isinstance(hook, SpectralNorm) and hook.name == name:
                raise RuntimeError(
                    f"Cannot register two spectral_norm hooks on the same parameter {name}"
                )
        made = SpectralNorm(name, n_power_iterations, dim, eps)
        weight = module._parameters[name]
        if weight is None:
            raise ValueError(
                f"`SpectralNorm` cannot be applied as parameter `{name}` is None"
            )
        with no_grad():
            rows, columns = made.reshape_weight_to_matrix(weight).shape
            u = F.normalize(weight.new_empty(rows).normal_(0, 1), dim=0, eps=eps)
            v = F.normalize(weight.new_empty(columns).normal_(0, 1), dim=0, eps=eps)
        delattr(module, name)
        module.register_parameter(name + "_orig", weight)
        # A plain attribute, so that the first call's value is no parameter and no buffer.
        setattr(module, name, weight.data)
        module.register_buffer(name + "_u", u)
        module.register_buffer(name + "_v", v)
        module.register_forward_pre_hook(made)
        module._register_state_dict_hook(_SaveVersion(made))
        module._register_load_state_dict_pre_hook(_LoadOld(made))
        return made


class _SaveVersion:
    """Note in a state_dict's metadata that both vectors are in it."""

    def __init__(self, norm: SpectralNorm) -> None:
        self.norm = norm

    def __call__(self, module: Any, state_dict: Any, prefix: str, local_metadata: Any) -> None:
        versions = local_metadata.setdefault("spectral_norm", {})
        key = self.norm.name + ".version"
        if key in versions:
            raise RuntimeError(f"Unexpected key in metadata['spectral_norm']: {key}")
        versions[key] = self.norm._version


class _LoadOld:
    """Work out the second vector of states that were saved without it."""

    def __init__(self, norm: SpectralNorm) -> None:
        self.norm = norm

    def __call__(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: Any,
        strict: bool,
        missing_keys: Any,
        unexpected_keys: Any,
        error_msgs: Any,
    ) -> None:
        norm = self.norm
        version = local_metadata.get("spectral_norm", {}).get(norm.name + ".version", None)
        if version is not None and version >= 1:
            return
        key = prefix + norm.name
        have = [key + ending in state_dict for ending in ("_orig", "_u", "_v")]
        if version is None and (all(have) or not (have[0] and have[1] and key in state_dict)):
            return
        with no_grad():
            orig, weight = state_dict[key + "_orig"], state_dict.pop(key)
            sigma = (orig / weight).mean()
            matrix = norm.reshape_weight_to_matrix(orig)
            u = state_dict[key + "_u"]
            state_dict[key + "_v"] = norm._solve_v_and_rescale(matrix, u, sigma)


def spectral_norm(
    module: M,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> M:
    """Divide a parameter by its largest singular value (Miyato et al., 2018).

    Parameters
    ----------
    module : Module
    name : str
    n_power_iterations : int
        Steps of the power iteration at each call in training.
    eps : float
        Least length of the iterated vectors.
    dim : int, optional
        The dimension of the outputs; by default 1 for transposed convolutions, else 0.

    Returns
    -------
    Module
        The module, with a parameter ``<name>_orig`` and buffers ``<name>_u`` and ``<name>_v``.
    """
    if dim is None:
        dim = output_dim(module)
    SpectralNorm.apply(module, name, n_power_iterations, dim, eps)
    return module


def remove_spectral_norm(module: M, name: str = "weight") -> M:
    """Make the parameter, as it is now, an ordinary one again."""
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, SpectralNorm) and hook.name == name:
            hook.remove(module)
            del module._forward_pre_hooks[key]
            break
    else:
        raise ValueError(f"spectral_norm of '{name}' not found in {module}")
    for table in (module._state_dict_hooks, module._load_state_dict_pre_hooks):
        for key, found in table.items():
            found = getattr(found, "hook", found)
            if isinstance(found, (_SaveVersion, _LoadOld)) and found.norm.name == name:
                del table[key]
                break
    return module
