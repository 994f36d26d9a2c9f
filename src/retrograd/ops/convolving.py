"""The public convolutions: torch.conv1d to conv3d, conv_transpose1d to conv_transpose3d."""

from __future__ import annotations

from functools import lru_cache

from .._core.public import expect_tensor, public
from .._core.value import Value
from ._arguments import c_name, scalar_name
from ._sizes import listed
from .convolution import conv, conv_transposed
from .copying import cast
from .padding import pad_front
from .shape import expand_dims, squeeze_one

# -- checks --------------------------------------------------------------------------------------


def per_axis(name, value, dims):
    """Return a setting as a tuple with a number for each spatial axis."""
    if type(value) is int:
        return (value,) * dims
    numbers = tuple([n.__index__() for n in value])
    if len(numbers) == 1:
        return numbers * dims
    if len(numbers) != dims:
        raise RuntimeError(
            f"expected {name} to be a single integer value or a list of {dims} values to match "
            f"the convolution dimensions, but got {name}={listed(numbers)}"
        )
    return numbers


_INTS = {int}


def as_setting(function, name, value):
    """Return an argument as an int or a tuple of ints, which can be looked up."""
    if type(value) is int:
        return value
    found = type(value).__name__
    if isinstance(value, (tuple, list)):
        if {*map(type, value)} == _INTS:
            return tuple(value)
        try:
            return tuple([n.__index__() for n in value])
        except AttributeError:
            place = [hasattr(n, "__index__") for n in value].index(False)
            found = f"but found element of type {type(value[place]).__name__} at pos {place}"
            raise TypeError(
                f"{function}(): argument '{name}' must be tuple of ints, {found}"
            ) from None
    if hasattr(value, "__index__"):
        return value.__index__()
    raise TypeError(f"{function}(): argument '{name}' must be tuple of ints, not {found}")


def whole_groups(function, groups):
    """Return `groups` as an int."""
    try:
        return groups.__index__()
    except AttributeError:
        raise TypeError(
            f"{function}(): argument 'groups' must be int, not {type(groups).__name__}"
        ) from None


def refuse_arguments(function, input, weight, bias):
    """Raise for arguments that are no tensors."""
    given = [input, weight] if bias is None else [input, weight, bias]
    kinds = ", ".join([type(one).__name__ for one in given])
    raise TypeError(
        f"{function}() received an invalid combination of arguments - got ({kinds}), but expected "
        "(Tensor input, Tensor weight, Tensor bias = None, tuple of ints stride = 1, tuple of "
        "ints or str padding = 0, tuple of ints dilation = 1, int groups = 1)"
    )


@lru_cache(maxsize=512)
def settings_of(shape, w, b, stride, padding, dilation, groups, dims, transposed, output_padding):
    """Return (stride, padding, dilation, output_padding) for each axis, all checked.

    Cached: a network asks for the same few again and again.

    Raises
    ------
    RuntimeError
        In PyTorch's words and order.
    """
    axes = len(w) - 2
    if axes <= 0:
        raise RuntimeError("weight should have at least three dimensions")
    # A number stands for as many axes as the function has.
    stride = stride if type(stride) is tuple else (stride,) * dims
    padding = padding if type(padding) is tuple else (padding,) * dims
    dilation = dilation if type(dilation) is tuple else (dilation,) * dims
    extra = output_padding if type(output_padding) is tuple else (output_padding,) * dims
    stride = per_axis("stride", stride, axes)
    padding = per_axis("padding", padding, axes)
    dilation = per_axis("dilation", dilation, axes)
    extra = per_axis("output_padding", extra, axes)
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    if min(padding) < 0:
        raise RuntimeError("negative padding is not supported")
    if min(extra) < 0:
        raise RuntimeError("negative output_padding is not supported")
    if min(stride) <= 0:
        raise RuntimeError("non-positive stride is not supported")
    if min(dilation) <= 0:
        raise RuntimeError("non-positive dilation is not supported")
    if len(w) != len(shape):
        raise RuntimeError(
            f"Expected {len(w)}-dimensional input for {len(w)}-dimensional weight {listed(w)}, "
            f"but got {len(shape)}-dimensional input of size {listed(shape)} instead"
        )
    if w[0] < groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but "
            f"got weight of size {listed(w)} instead"
        )
    if w[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
            f"but got weight of size [{listed(w)}] instead"
        )
    channels = w[0] if transposed else w[1] * groups
    if shape[1] != channels:
        given = "transposed=1" if transposed else f"groups={groups}"
        raise RuntimeError(
            f"Given {given}, weight of size {listed(w)}, expected input{listed(shape)} to have "
            f"{channels} channels, but got {shape[1]} channels instead"
        )
    outputs = w[1] * groups if transposed else w[0]
    if b is not None and b != (outputs,):
        given = "transposed=1, " if transposed else ""
        raise RuntimeError(
            f"Given {given}weight of size {listed(w)}, expected bias to be 1-dimensional with "
            f"{outputs} elements, but got bias of size {listed(b)} instead"
        )
    if not transposed:
        expect_room(shape, w, padding, dilation)
    if 0 in w[2:]:
        raise RuntimeError(
            f"kernel size should be greater than zero, but got {_named('kernel', w[2:], ' ')}"
        )
    if 0 in shape[2:]:
        raise RuntimeError(
            f"Only zero batch or zero channel inputs are supported, but got input shape: "
            f"{listed(shape)}"
        )
    return stride, padding, dilation, extra


def expect_room(shape, w, padding, dilation):
    """Refuse a kernel that is larger than the padded input."""
    have = [n + 2 * p for n, p in zip(shape[2:], padding)]
    want = [d * (k - 1) + 1 for k, d in zip(w[2:], dilation)]
    if any(n < k for n, k in zip(have, want)):
        raise RuntimeError(
            f"Calculated padded input size per channel: ({_by(have)}). Kernel size: "
            f"({_by(want)}). Kernel size can't be greater than actual input size"
        )


def _by(sizes):
    return " x ".join([str(n) for n in sizes])


def _named(what, sizes, between):
    """Return ``stride_height: 1 stride_width: 2``; one axis counts as a width."""
    if len(sizes) == 1:
        sizes = (0 if what == "output_padding" else 1, *sizes)
    names = ("depth", "height", "width")[-len(sizes) :]
    return between.join([f"{what}_{name}: {n}" for name, n in zip(names, sizes)])


def type_name(dtype):
    """Return ``torch.FloatTensor``, as these functions name a tensor's type."""
    name = scalar_name(dtype)
    return f"CPU{name}Type" if dtype.kind == "c" else f"torch.{name}Tensor"


def expect_one_dtype(x, w):
    """Refuse a weight of another dtype than the input."""
    if x == w:
        return
    if x.kind == "c":
        raise RuntimeError(
            f"Input type ({type_name(x)}) and weight type ({type_name(w)}) should be the same"
        )
    if x == "float32":
        raise RuntimeError(
            f"Input type ({type_name(x)}) and weight type ({type_name(w)}) should be the same or "
            "input should be a MKLDNN tensor and weight is a dense tensor"
        )
    raise RuntimeError(f"expected scalar type {scalar_name(x)} but found {scalar_name(w)}")


def expect_implemented(dtype, axes, dilated, transposed):
    """Refuse the integer dtypes that PyTorch has no kernel for."""
    if dtype.kind not in "biu" or dtype == "int64":
        return
    if transposed:
        name = f"slow_conv_transpose{max(axes, 2)}d_out_cpu"
    elif dilated:
        name = "slow_conv_dilated<>"
    elif dtype.kind == "b" or (dtype.kind == "u" and dtype.itemsize > 1):
        name = "compute_columns3d" if axes == 3 else "slow_conv2d_cpu"
    else:
        return
    raise NotImplementedError(f"\"{name}\" not implemented for '{scalar_name(dtype)}'")


def expect_batch(function, shape, dims):
    """Say whether the input has a batch axis, and refuse any other number of axes."""
    if len(shape) == dims + 2:
        return True
    if len(shape) == dims + 1:
        return False
    raise RuntimeError(
        f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to {function}, but got "
        f"input of size: {listed(shape)}"
    )


# -- convolution ---------------------------------------------------------------------------------


def convolve(function, dims, input, weight, bias, stride, padding, dilation, groups):
    """Check the arguments of a convolution, and do it."""
    if not (
        isinstance(input, Value)
        and isinstance(weight, Value)
        and (bias is None or isinstance(bias, Value))
    ):
        refuse_arguments(function, input, weight, bias)
    shape = input.get_shape()
    if not expect_batch(function, shape, dims):
        input = expand_dims(input, axis=0)
        found = convolve(function, dims, input, weight, bias, stride, padding, dilation, groups)
        return squeeze_one(found, axis=0)
    w = weight.get_shape()
    stride = as_setting(function, "stride", stride)
    dilation = as_setting(function, "dilation", dilation)
    if isinstance(padding, str):
        input, padding = named_padding(input, shape, w, stride, padding, dilation, dims)
        shape = input.get_shape()
    else:
        padding = as_setting(function, "padding", padding)
    dtype = input.get_dtype()
    if dtype.kind == "c":
        expect_one_dtype(dtype, weight.get_dtype())
    b = None
    if bias is not None:
        b = bias.get_shape()
        if bias.get_dtype() != dtype:
            raise RuntimeError(
                f"Input type ({c_name(dtype)}) and bias type ({c_name(bias.get_dtype())}) should "
                "be the same"
            )
    groups = whole_groups(function, groups)
    stride, padding, dilation, _ = settings_of(
        shape, w, b, stride, padding, dilation, groups, dims, False, 0
    )
    if weight.get_dtype() is not dtype:
        expect_one_dtype(dtype, weight.get_dtype())
    if dtype.kind in "biu":
        expect_implemented(dtype, dims, max(dilation) > 1, False)
    if bias is None:
        return conv(
            input, weight, stride=stride, padding=padding, dilation=dilation, groups=groups
        )
    return conv(
        input, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups
    )


def named_padding(input, shape, w, stride, padding, dilation, dims):
    """Return the input and the padding in numbers that "same" or "valid" means."""
    if padding == "valid":
        return input, 0
    if padding != "same":
        raise RuntimeError(f"Invalid padding string: '{padding}'")
    if len(w) != len(shape):
        raise RuntimeError(
            f"Expected {len(w)}-dimensional input for {len(w)}-dimensional weight{listed(w)}, but "
            f"got {len(shape)}-dimensional input of size {listed(shape)} instead"
        )
    if max(per_axis("stride", stride, dims)) > 1:
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    total = [d * (k - 1) for k, d in zip(w[2:], per_axis("dilation", dilation, dims))]
    before = tuple([n // 2 for n in total])
    odd = [n % 2 for n in total]
    if any(odd):
        # The one that is over goes after the end.
        pairs = [number for n in reversed(odd) for number in (0, n)]
        input = pad_front(input, pairs)
    return input, before


@public("conv1d", method=False)
def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Convolve over one spatial axis.

    Parameters
    ----------
    input : Tensor
        (N, C, L), or (C, L)
    weight : Tensor
        (O, C / groups, K)
    bias : Tensor, optional
        (O,)
    stride : int or tuple
        How far the kernel moves.
    padding : int, tuple or str
        Zeros at both ends; "valid" is none, "same" as many as keep the size.
    dilation : int or tuple
        How far apart the elements are that the kernel meets.
    groups : int
        Into how many groups of channels input and result are split, each convolved apart.

    Returns
    -------
    Tensor
        (N, O, P) with P = (L + 2 padding - dilation (K - 1) - 1) // stride + 1
    """
    return convolve("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


@public("conv2d", method=False)
def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Convolve over two spatial axes, as `conv1d` does over one.

    (N, C, H, W), (O, C / groups, K, L), (O,) -> (N, O, P, Q)
    """
    return convolve("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


@public("conv3d", method=False)
def conv3d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Convolve over three spatial axes, as `conv1d` does over one.

    (N, C, D, H, W), (O, C / groups, K, L, M), (O,) -> (N, O, P, Q, R)
    """
    return convolve("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


# -- transposed ----------------------------------------------------------------------------------


def convolve_transposed(
    function, dims, input, weight, bias, stride, padding, output_padding, groups, dilation
):
    """Check the arguments of a transposed convolution, and do it."""
    expect_tensor(function, input)
    expect_tensor(function, weight, "weight", 2)
    if bias is not None:
        expect_tensor(function, bias, "bias", 3)
    shape = input.get_shape()
    if not expect_batch(function, shape, dims):
        found = convolve_transposed(
            function,
            dims,
            expand_dims(input, axis=0),
            weight,
            bias,
            stride,
            padding,
            output_padding,
            groups,
            dilation,
        )
        return squeeze_one(found, axis=0)
    w = weight.get_shape()
    dtype = input.get_dtype()
    groups = whole_groups(function, groups)
    if dtype.kind == "c":
        expect_one_dtype(dtype, weight.get_dtype())
    stride, padding, dilation, extra = settings_of(
        shape,
        w,
        None if bias is None else bias.get_shape(),
        as_setting(function, "stride", stride),
        as_setting(function, "padding", padding),
        as_setting(function, "dilation", dilation),
        groups,
        dims,
        True,
        as_setting(function, "output_padding", output_padding),
    )
    if dtype.kind in "biu":
        expect_implemented(dtype, dims, False, True)
    expect_one_dtype(dtype, weight.get_dtype())
    size = transposed_size(shape, w, stride, padding, dilation, extra)
    if bias is not None and bias.get_dtype() != dtype:
        if dtype == "float32":
            raise RuntimeError(
                f"Input type ({type_name(dtype)}) and bias type ({type_name(bias.get_dtype())}) "
                "should be the same or input should be a MKLDNN tensor and bias is a dense tensor"
            )
        bias = cast(bias, dtype=dtype)
    given = (input, weight) if bias is None else (input, weight, bias)
    return conv_transposed(
        *given, size=size, stride=stride, padding=padding, dilation=dilation, groups=groups
    )


def transposed_size(shape, w, stride, padding, dilation, extra):
    """Return the spatial size of a transposed convolution.

    Raises
    ------
    RuntimeError
        When it is not positive, or padding of the output reaches too far.
    """
    for more, s, d in zip(extra, stride, dilation):
        if more >= s and more >= d:
            raise RuntimeError(
                "output padding must be smaller than either stride or dilation, but got "
                f"{_named('output_padding', extra, ' ')} {_named('stride', stride, ' ')} "
                f"{_named('dilation', dilation, ' ')}"
            )
    size = tuple(
        [
            (n - 1) * s - 2 * p + d * (k - 1) + more + 1
            for n, k, s, p, d, more in zip(shape[2:], w[2:], stride, padding, dilation, extra)
        ]
    )
    if min(size) < 1:
        one = (1,) if len(size) == 1 else ()
        raise RuntimeError(
            f"Given input size per channel: ({_by((*one, *shape[2:]))}). Calculated output size "
            f"per channel: ({_by((*one, *size))}). Output size is too small"
        )
    return size


@public("conv_transpose1d", method=False)
def conv_transpose1d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """Apply the adjoint of a convolution over one spatial axis: stride makes the result larger.

    Parameters
    ----------
    input : Tensor
        (N, C, L), or (C, L)
    weight : Tensor
        (C, O / groups, K)
    bias : Tensor, optional
        (O,)
    stride : int or tuple
        How far apart in the result the elements of the input are.
    padding : int or tuple
        How much is cut off at both ends.
    output_padding : int or tuple
        How much longer the result is at its end.
    groups : int
    dilation : int or tuple

    Returns
    -------
    Tensor
        (N, O, (L - 1) stride - 2 padding + dilation (K - 1) + output_padding + 1)
    """
    return convolve_transposed(
        *("conv_transpose1d", 1, input, weight, bias),
        *(stride, padding, output_padding, groups, dilation),
    )


@public("conv_transpose2d", method=False)
def conv_transpose2d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """Apply the adjoint of a convolution over two axes, as `conv_transpose1d` does over one.

    (N, C, H, W), (C, O / groups, K, L), (O,) -> (N, O, P, Q)
    """
    return convolve_transposed(
        *("conv_transpose2d", 2, input, weight, bias),
        *(stride, padding, output_padding, groups, dilation),
    )


@public("conv_transpose3d", method=False)
def conv_transpose3d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """Apply the adjoint of a convolution over three axes, as `conv_transpose1d` does over one.

    (N, C, D, H, W), (C, O / groups, K, L, M), (O,) -> (N, O, P, Q, R)
    """
    return convolve_transposed(
        *("conv_transpose3d", 3, input, weight, bias),
        *(stride, padding, output_padding, groups, dilation),
    )
