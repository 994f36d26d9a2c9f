"""What a backward refuses: freed graphs, saved values changed in place, nan in anomaly mode."""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import GraphFreedError, SavedValueChangedError, describe
from .modes import thread_modes
from .node import Node
from .plan import ARRAY, RESULT
from .site import describe_site, here
from .value import Value


def check_same_time(node: Node) -> None:
    """Refuse an operand that this node's own in-place write changed.

    The result of an in-place operation is written at the very clock time of its node; that is
    no change.  An operand saved before it is.
    """
    plan = node.plan
    if plan is None or node.storages is None:
        return
    number = 0
    for need in plan.saves:
        if need.kind == ARRAY or need.kind == RESULT:
            storage = node.storages[number] if number < len(node.storages) else None
            if need.kind == ARRAY and storage is not None and storage.written == node.seq:
                raise changed_error(node)
            number += 1


class Freed:
    """Marks a node whose saved values are gone, and remembers which backward freed them."""

    def __init__(self, site: Any) -> None:
        self.site = site


def freed_error(node: Node) -> GraphFreedError:
    """Return the error for a second run through a freed node."""
    freed: Any = node.freed
    return error_of_freed(node.name(), node.site, None if freed is None else freed.site)


def error_of_freed(name: str, made: Any, freed: Any) -> GraphFreedError:
    """Return the error for a second run through a node: see `freed_text`."""
    text = freed_text(name, made, freed)
    again = describe_site(here())
    if again:
        text += f" and are asked for again at {again}"
    return GraphFreedError(text + ".")


def freed_text(name: str, made: Any, freed: Any) -> str:
    """Write the part of the message that is known once a node is freed.

    Parameters
    ----------
    name : str
        The node's.
    made, freed : object
        The sites where it was recorded, and of the backward that freed it.
    """
    text = (
        "Trying to backward through the graph a second time (or directly access saved tensors "
        "after they have already been freed). Saved intermediate values of the graph are freed "
        "when you call .backward() or autograd.grad(). Specify retain_graph=True if you need to "
        "backward through the graph a second time or if you need to access saved tensors after "
        "calling backward."
    )
    text += f"\nThe values saved by {name}"
    recorded = describe_site(made)
    if recorded:
        text += f" (recorded at {recorded})"
    if freed is not None:
        text += f" were freed by the backward at {describe_site(freed)}"
    return text


def changed_error(node: Node) -> SavedValueChangedError:
    """Return the error for a saved value that was changed in place."""
    plan = node.plan
    storages = node.storages
    number = 0
    text = ""
    if plan is not None and storages is not None and node.saved is not None:
        for need in plan.saves:
            if need.kind != ARRAY and need.kind != RESULT:
                continue
            storage = storages[number] if number < len(storages) else None
            number += 1
            late_write = storage is not None and (
                storage.written > node.seq
                or (need.kind == ARRAY and storage.written == node.seq)
            )
            if late_write:
                place = next(i for i, n in enumerate(plan.saves) if n is need)
                text = changed_text(node, need.name, node.saved[place], storage)
                break
    return SavedValueChangedError(text or f"{node.name()}: a saved value was changed in place")


def changed_text(node: Node, name: str, array: Any, storage: Any) -> str:
    """Write the message: which value, saved by what and where, changed by what and where."""
    text = saved_text(describe(array), f" as '{name}'", node.name(), node.site)
    return text + change_text(storage)


def saved_text(described: str, name: str, node: str, made: Any) -> str:
    """Write the part of the message that is known when a value is saved.

    Parameters
    ----------
    described : str
        The value, as `describe` tells it.
    name : str
        What the node calls it, with the words before that.
    node : str
        The node's name.
    made : object
        The site where the node was recorded.
    """
    text = (
        "one of the variables needed for gradient computation has been modified by an inplace "
        f"operation: [{described}], saved{name} by {node}"
    )
    return text if made is None else f"{text} at {describe_site(made)}"


def change_text(storage: Any) -> str:
    """Write the part of the message that tells of the change."""
    text = f", was changed by {storage.writer or 'an in-place write'}"
    where = describe_site(storage.site)
    if where:
        text += f" at {where}"
    text += f"; it is at version {storage.version}."
    return text + " Use the out-of-place form, or clone the value before changing it."


def check_nan(node: Node, grads: list[Any]) -> None:
    """Raise when anomaly mode finds nan in what a node returned."""
    if not thread_modes().check_nan:
        return
    for number, value in enumerate(grads):
        if value is None:
            continue
        array = value.array if isinstance(value, Value) else np.asarray(value)
        if array.dtype.kind in "fc" and bool(np.isnan(array).any()):
            text = f"Function '{node.name()}' returned nan values in its {number}th output."
            made = describe_site(node.site)
            if made:
                text += f" It was recorded at {made}."
            raise RuntimeError(text)
