"""Ready parametrizations: orthogonal matrices, weights as length and direction, spectral norm."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...autograd import no_grad
from ...creation import eye
from ...linalg import matrix_exp, solve
from ...ops.joining import cat
from ...ops.linear_algebra import mv_front as mv
from ...ops.norms import norm_except_dim, weight_of
from ...random import randn
from ...tensor import Tensor, wrap
from .. import functional as F
from ..module import Module
from .parametrize import register_parametrization
from .spectral_norm import as_matrix, output_dim

_MAPS = ("matrix_exp", "cayley", "householder")


def _member(module: Module, name: str) -> Any:
    found = getattr(module, name, None)
    if not isinstance(found, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return found


# -- orthogonal ------------------------------------------------------------------------------------


def _factored(a: Any) -> tuple[Any, Any]:
    """Return LAPACK's QR factors of matrices: reflections below the diagonal of R, their scales."""
    h, tau = np.linalg.qr(a.array, mode="raw")
    return wrap(np.ascontiguousarray(np.swapaxes(h, -1, -2))), wrap(tau)


def _reflected(a: Any, tau: Any) -> Any:
    """Return the first columns of the product of reflections I - tau v v^H.  (n, k), (k,) -> (n, k)

    The v are the columns of `a` below its diagonal, with a 1 on it.
    """
    n, k = a.size(-2), a.size(-1)
    unit = a.tril(-1) + eye(n, k, dtype=a.dtype)
    product = eye(n, k, dtype=a.dtype).expand(a.shape)
    for column in reversed(range(k)):
        v = unit[..., :, column : column + 1]
        scale = tau[..., column, None, None]
        product = product - v @ (scale * (v.mH @ product))
    return product


def _is_orthogonal(q: Any) -> bool:
    n, k = q.size(-2), q.size(-1)
    gap = (q.mH @ q - eye(k, dtype=q.dtype)).abs().array
    return bool((gap <= 10 * n * np.finfo(q.array.dtype).eps + 1e-5).all())


def _made_orthogonal(a: Any) -> Any:
    """Return the Q of a QR decomposition with a positive diagonal in R."""
    x, tau = _factored(a)
    return _reflected(x, tau) * x.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


class _Orthogonal(Module):
    """Makes matrices orthogonal: through a skew-symmetric one, or by reflections.

    With `use_trivialization` the result is relative to a matrix `base`, and can be assigned to.
    """

    base: Any

    def __init__(
        self, weight: Tensor, orthogonal_map: str, *, use_trivialization: bool = True
    ) -> None:
        super().__init__()
        if weight.is_complex() and orthogonal_map == "householder":
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Any) -> Any:
        n, k = X.size(-2), X.size(-1)
        wide = n < k
        if wide:
            X = X.mT
            n, k = k, n
        if self.orthogonal_map == "householder":
            a = X.tril(-1)
            tau = 2.0 / (1.0 + (a * a).sum(-2))
            signs = X.diagonal(dim1=-2, dim2=-1).detach().int().to(X.dtype)
            q = _reflected(a, tau) * signs.unsqueeze(-2)
        else:
            q = self._from_skew(X.tril(), n, k)
        if hasattr(self, "base"):
            q = self.base @ q
        return q.mT if wide else q

    def _from_skew(self, x: Any, n: int, k: int) -> Any:
        if n != k:
            x = cat([x, x.new_zeros(n, n - k).expand(*x.shape[:-2], n, n - k)], -1)
        a = x - x.mH
        if self.orthogonal_map == "matrix_exp":
            q = matrix_exp(a)
        else:
            one = eye(n, dtype=a.dtype)
            q = solve(one - 0.5 * a, one + 0.5 * a)
        return q if n == k else q[..., :k]

    def right_inverse(self, Q: Any) -> Any:
        """Return what gives `Q`; with a base, `Q` becomes it."""
        with no_grad():
            if Q.shape != self.shape:
                raise ValueError(
                    f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor "
                    f"of shape {Q.shape}."
                )
            given = Q
            n, k = Q.size(-2), Q.size(-1)
            wide = n < k
            if wide:
                Q = Q.mT
                n, k = k, n
            if hasattr(self, "base"):
                return self._rebase(Q, given, n, k)
            if self.orthogonal_map != "householder":
                raise NotImplementedError(
                    "It is not possible to assign to the matrix exponential or the Cayley "
                    "parametrizations when use_trivialization=False."
                )
            a, tau = _factored(Q)
            # The diagonal holds the signs; a reflection by nothing (tau 0) turns its own.
            diagonal = a.diagonal(dim1=-2, dim2=-1)
            diagonal.sign_()
            diagonal[tau == 0.0] *= -1
            return a.mT if wide else a

    def _rebase(self, Q: Any, given: Any, n: int, k: int) -> Any:
        if n == k:
            Q = Q.clone() if _is_orthogonal(Q) else _made_orthogonal(Q)
        else:
            rest = randn(*Q.shape[:-2], n, n - k, dtype=Q.dtype)
            Q = _made_orthogonal(cat([Q, rest], -1))
        self.base = Q
        minus_one = given.new_zeros(given.shape)
        minus_one.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
        return minus_one


def orthogonal(
    module: Module,
    name: str = "weight",
    orthogonal_map: str | None = None,
    *,
    use_trivialization: bool = True,
) -> Module:
    """Keep a matrix orthogonal, or its rows or columns where it is not square.

    Parameters
    ----------
    module : Module
    name : str
    orthogonal_map : {"matrix_exp", "cayley", "householder"}, optional
        By default "matrix_exp" for square and complex matrices, else "householder".
    use_trivialization : bool
        Whether to compute it relative to its first value, so that it can be assigned to.
    """
    weight = _member(module, name)
    if weight.ndim < 2:
        raise ValueError(
            f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions."
        )
    if orthogonal_map is None:
        square = weight.size(-2) == weight.size(-1)
        orthogonal_map = "matrix_exp" if square or weight.is_complex() else "householder"
    if orthogonal_map not in _MAPS:
        raise ValueError(
            'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". '
            f"Got: {orthogonal_map}"
        )
    made = _Orthogonal(weight, orthogonal_map, use_trivialization=use_trivialization)
    return register_parametrization(module, name, made, unsafe=True)


# -- length and direction --------------------------------------------------------------------------


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Any:
        return weight_of(weight_v, weight_g, self.dim)

    def right_inverse(self, weight: Tensor) -> Any:
        return norm_except_dim(weight, 2, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int = 0) -> Module:
    """Compute a parameter from its length and direction (Salimans and Kingma, 2016).

    Parameters
    ----------
    module : Module
    name : str
    dim : int, optional
        The dimension whose slices have a length each; None for one length of all.

    Returns
    -------
    Module
        The module; states saved by the former `weight_norm` load into it.
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def take_former_names(
        state_dict: Any, prefix: str, metadata: Any, strict: Any, missing: Any, extra: Any,
        errors: Any,
    ) -> None:  # fmt: skip
        former = [f"{prefix}{name}{ending}" for ending in ("_g", "_v")]
        if all(key in state_dict for key in former):
            for number, key in enumerate(former):
                new = f"{prefix}parametrizations.{name}.original{number}"
                state_dict[new] = state_dict.pop(key)

    module._register_load_state_dict_pre_hook(take_former_names)
    return module


# -- spectral norm ---------------------------------------------------------------------------------


class _SpectralNorm(Module):
    _u: Any
    _v: Any

    def __init__(
        self, weight: Any, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ) -> None:
        super().__init__()
        ndim = weight.ndim
        if dim >= ndim or dim < -ndim:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [-{ndim}, {ndim - 1}] but "
                f"got {dim})"
            )
        if n_power_iterations <= 0:
            raise ValueError(
                "Expected n_power_iterations to be positive, but got "
                f"n_power_iterations={n_power_iterations}"
            )
        self.dim = dim if dim >= 0 else dim + ndim
        self.eps = eps
        if ndim > 1:
            self.n_power_iterations = n_power_iterations
            with no_grad():
                matrix = as_matrix(weight, self.dim)
                rows, columns = matrix.shape
                u = weight.new_empty(rows).normal_(0, 1)
                v = weight.new_empty(columns).normal_(0, 1)
                self.register_buffer("_u", F.normalize(u, dim=0, eps=eps))
                self.register_buffer("_v", F.normalize(v, dim=0, eps=eps))
                self._iterate(matrix, 15)

    def _iterate(self, matrix: Any, steps: int) -> None:
        with no_grad():
            for _ in range(steps):
                self._u.copy_(F.normalize(mv(matrix, self._v), dim=0, eps=self.eps))
                self._v.copy_(F.normalize(mv(matrix.mH, self._u), dim=0, eps=self.eps))

    def forward(self, weight: Any) -> Any:
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, p=2.0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._iterate(matrix, self.n_power_iterations)
        # Copies: the next call's iteration must not change what this one's gradient needs.
        u, v = self._u.clone(), self._v.clone()
        return weight / u.vdot(mv(matrix, v))

    def right_inverse(self, value: Tensor) -> Tensor:
        return value


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Divide a parameter by its largest singular value (Miyato et al., 2018).

    Parameters
    ----------
    module : Module
    name : str
    n_power_iterations : int
        Steps of the power iteration at each use in training; 15 are made at first.
    eps : float
        Least length of the iterated vectors.
    dim : int, optional
        The dimension of the outputs; by default 1 for transposed convolutions, else 0.
    """
    weight = _member(module, name)
    if dim is None:
        dim = output_dim(module)
    made = _SpectralNorm(weight, n_power_iterations, dim, eps)
    return register_parametrization(module, name, made)
