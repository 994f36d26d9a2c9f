"""torch.Size: the tuple that a shape is."""

from __future__ import annotations


def _checked(sizes, start):
    """Return the sizes as plain ints, refusing what is no integer."""
    found = list(sizes)
    for place in range(start, len(found)):
        try:
            found[place] = found[place].__index__()
        except (AttributeError, TypeError):
            raise TypeError(
                f"torch.Size() takes an iterable of 'int' (item {place} is "
                f"'{type(found[place]).__name__}')"
            ) from None
    return found


class Size(tuple):
    """A tensor's shape.

    Examples
    --------
    >>> import retrograd
    >>> retrograd.zeros(2, 3).shape
    torch.Size([2, 3])
    """

    __slots__ = ()

    def __new__(cls, sizes=()):
        sizes = tuple(sizes)
        for place, size in enumerate(sizes):
            if type(size) is not int:
                return tuple.__new__(cls, _checked(sizes, place))
        return tuple.__new__(cls, sizes)

    def __repr__(self):
        return f"torch.Size([{', '.join(map(repr, self))}])"

    def numel(self):
        """Return the number of elements of a tensor of this shape."""
        count = 1
        for size in self:
            count *= size
        return count

    def __getitem__(self, index):
        found = tuple.__getitem__(self, index)
        return tuple.__new__(Size, found) if isinstance(index, slice) else found

    def __add__(self, other):
        if not isinstance(other, tuple):
            raise TypeError(
                f"can only concatenate tuple (not {type(other).__name__}) to torch.Size"
            )
        return Size(tuple.__add__(self, other))

    def __radd__(self, other):
        return Size(tuple(other) + tuple(self))

    def __mul__(self, count):
        return Size(tuple.__mul__(self, count))

    __rmul__ = __mul__

    def __reduce__(self):
        return (Size, (tuple(self),))
