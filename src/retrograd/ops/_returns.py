"""Named tuples that functions with several results return, as ``torch.return_types``."""

from __future__ import annotations

from operator import itemgetter

# Every type made here, by name: what `torch.return_types` offers.
return_types = {}


class StructSequence(tuple):
    """A tuple whose entries have names too.

    Examples
    --------
    >>> minmax = struct("minmax_example", "min", "max")
    >>> minmax(1, 2)
    torch.return_types.minmax_example(
    min=1,
    max=2)
    """

    __slots__ = ()
    fields = ()

    def __new__(cls, *values):
        if len(values) == 1 and len(cls.fields) != 1:
            values = tuple(values[0])
        if len(values) != len(cls.fields):
            raise TypeError(
                f"torch.return_types.{cls.__name__}() takes a {len(cls.fields)}-sequence "
                f"({len(values)}-sequence given)"
            )
        return tuple.__new__(cls, values)

    def __repr__(self):
        inside = ",\n".join(f"{name}={value!r}" for name, value in zip(self.fields, self))
        return f"torch.return_types.{type(self).__name__}(\n{inside})"

    def __reduce__(self):
        return _restore, (type(self).__name__, tuple(self))

    @property
    def n_fields(self):
        """How many entries there are."""
        return len(self.fields)

    n_sequence_fields = n_fields


def struct(name, *fields):
    """Return the type ``torch.return_types.<name>`` with these entries."""
    body = {field: property(itemgetter(place)) for place, field in enumerate(fields)}
    body["fields"] = fields
    body["__slots__"] = ()
    body["__module__"] = "torch.return_types"
    body["__match_args__"] = fields
    made = type(name, (StructSequence,), body)
    return_types[name] = made
    return made


def _restore(name, values):
    return return_types[name](*values)


aminmax = struct("aminmax", "min", "max")
cummax = struct("cummax", "values", "indices")
cummin = struct("cummin", "values", "indices")
histogram = struct("histogram", "hist", "bin_edges")
kthvalue = struct("kthvalue", "values", "indices")
max = struct("max", "values", "indices")
median = struct("median", "values", "indices")
min = struct("min", "values", "indices")
mode = struct("mode", "values", "indices")
nanmedian = struct("nanmedian", "values", "indices")
sort = struct("sort", "values", "indices")
topk = struct("topk", "values", "indices")

linalg_cholesky_ex = struct("linalg_cholesky_ex", "L", "info")
linalg_eig = struct("linalg_eig", "eigenvalues", "eigenvectors")
linalg_eigh = struct("linalg_eigh", "eigenvalues", "eigenvectors")
linalg_inv_ex = struct("linalg_inv_ex", "inverse", "info")
linalg_lstsq = struct("linalg_lstsq", "solution", "residuals", "rank", "singular_values")
linalg_lu = struct("linalg_lu", "P", "L", "U")
linalg_lu_factor = struct("linalg_lu_factor", "LU", "pivots")
linalg_lu_factor_ex = struct("linalg_lu_factor_ex", "LU", "pivots", "info")
linalg_qr = struct("linalg_qr", "Q", "R")
linalg_slogdet = struct("linalg_slogdet", "sign", "logabsdet")
linalg_solve_ex = struct("linalg_solve_ex", "result", "info")
linalg_svd = struct("linalg_svd", "U", "S", "Vh")
qr = struct("qr", "Q", "R")
slogdet = struct("slogdet", "sign", "logabsdet")
svd = struct("svd", "U", "S", "V")
triangular_solve = struct("triangular_solve", "solution", "cloned_coefficient")
