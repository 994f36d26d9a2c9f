"""Numba parts: how the functions of a kernel are compiled, and what they call that is no Python.

Note [Once].  Numba compiles each function as if Python might call it: it rewrites what a kernel
does not contain, and makes machine code of it.  The functions of a kernel are only called by one
another.  So each is typed, lowered and optimized, and machine code is made of the kernel alone, in
half of the time.  Optimizing all of it only once would bring little more, and small steps took a
twentieth longer.
"""

from __future__ import annotations

import functools
from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils, codegen, typed_passes, untyped_passes
from numba.core.compiler import Compiler
from numba.core.compiler_machinery import PassManager
from numba.core.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array

# -- the functions of a kernel ---------------------------------------------------------------------

PASSES = (
    untyped_passes.TranslateByteCode,
    untyped_passes.FixupArgs,
    untyped_passes.IRProcessing,
    untyped_passes.ReconstructSSA,
    typed_passes.NopythonTypeInference,
    typed_passes.PreLowerStripPhis,
    typed_passes.IRLegalization,
    typed_passes.NativeLowering,
    typed_passes.NoPythonBackend,
)


class Linked(codegen.JITCodeLibrary):
    """A function and those that it calls, optimized; no machine code is made of it."""

    def _finalize_final_module(self) -> None:
        self._finalized = True


class Linking(codegen.JITCPUCodegen):
    """Makes such libraries."""

    _library_class = Linked


@functools.cache
def linking() -> Linking:
    """Return the one maker of libraries."""
    return Linking("retrograd")


class Whole(Compiler):
    """Compiles functions whose arrays share no memory, as far as they can be linked."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        state = self.state
        state.targetctx = state.targetctx.subtarget(_internal_codegen=linking())
        flags = state.flags
        flags.noalias = flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True

    def define_pipelines(self) -> list[PassManager]:
        manager = PassManager("retrograd")
        for one in PASSES:
            manager.add_pass(one, one.__name__)
        manager.finalize()
        return [manager]


class Part(Whole):
    """Compiles functions that are only called by others."""

    def compile_extra(self, function: Any) -> Any:
        # Python never calls it; numba knows it by a builtin of its own.
        made = super().compile_extra(function)
        own = [].append
        made.target_context.insert_user_function(own, made.fndesc, [made.library])
        return made._replace(entry_point=own)


# -- what they call --------------------------------------------------------------------------------


@intrinsic
def flat(typing: Any, pointer: Any, size: Any) -> Any:
    """Return the array of one dimension that begins at a pointer."""
    kind = types.Array(pointer.dtype, 1, "C")

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = make_array(kind)(context, builder)
        width = context.get_abi_sizeof(context.get_data_type(kind.dtype))
        item = context.get_constant(types.intp, width)
        populate_array(
            array, data=args[0], shape=[args[1]], strides=[item], itemsize=item, meminfo=None
        )
        return array._getvalue()

    return kind(pointer, size), code


@intrinsic
def part(typing: Any, array: Any, begin: Any, size: Any) -> Any:
    """Return some of the numbers of an array, without asking whether it has as many."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        given = make_array(array)(context, builder, args[0])
        made = make_array(array)(context, builder)
        width = context.get_abi_sizeof(context.get_data_type(array.dtype))
        item = context.get_constant(types.intp, width)
        populate_array(made, builder.gep(given.data, [args[1]]), [args[2]], [item], item, None)
        return made._getvalue()

    return array(array, types.intp, types.intp), code


@intrinsic
def multiply(
    typing: Any, a: Any, a0: Any, am: Any, ak: Any, b: Any, b0: Any, bk: Any, bn: Any, c: Any,
    c0: Any, M: Any, N: Any, K: Any, panels: Any, packs: Any,
) -> Any:  # fmt: skip
    """Compute a product of matrices by the library's own machine code."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def pointer(array: Any, begin: int) -> Any:
            given = make_array(array)(context, builder, args[begin - 1])
            return builder.bitcast(builder.gep(given.data, [args[begin]]), byte)

        byte = ir.IntType(8).as_pointer()
        room = builder.bitcast(make_array(panels)(context, builder, args[13]).data, byte)
        asked = builder.icmp_signed("!=", args[14], ir.Constant(args[14].type, 0))
        room = builder.select(asked, room, byte(None))
        passed = [
            pointer(a, 1), *args[2:4], pointer(b, 5), *args[6:8], pointer(c, 9), *args[10:13], room,
        ]  # fmt: skip
        kind = ir.FunctionType(ir.VoidType(), [one.type for one in passed])
        name = f"retrograd_product_{a.dtype.name}"
        builder.call(cgutils.get_or_insert_function(builder.module, kind, name), passed)
        return context.get_dummy_value()

    number = types.intp
    left, right, out = [a, *[number] * 3], [b, *[number] * 3], [c, *[number] * 4]
    return types.void(*left, *right, *out, panels, number), code


@intrinsic
def fetch(typing: Any, array: Any, place: Any) -> Any:
    """Ask for the memory around a place, which will be read or written; it may be past the end."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        word, byte = ir.IntType(32), ir.IntType(8).as_pointer()
        place = builder.gep(make_array(array)(context, builder, args[0]).data, [args[1]])
        kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        function = builder.module.declare_intrinsic("llvm.prefetch", (byte,), kind)
        builder.call(function, [builder.bitcast(place, byte), word(0), word(2), word(1)])
        return context.get_dummy_value()

    return types.void(array, types.uint64), code


@intrinsic
def apart(typing: Any) -> Any:
    """Have the function that begins with it called, not copied to every place that calls it."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.function.attributes.discard("alwaysinline")  # which it has from its callers
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), code


alone = {"error_model": "numpy", "pipeline_class": Part, "_nrt": False}

# What the text of a kernel takes for granted.
NAMES = {
    "numba": numba,
    "alone": alone,
    "inlined": numba.njit(fastmath={"contract"}, forceinline=True, **alone),
    "part": part,
    "multiply": multiply,
    "fetch": fetch,
    "apart": apart,
}
