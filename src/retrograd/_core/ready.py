"""The ready nodes of a run: a heap with the node that was recorded last on top."""

from __future__ import annotations

from .node import Node


def push(heap: list[Node], node: Node) -> None:
    """Put a ready node on the heap."""
    at = len(heap)
    heap.append(node)
    seq = node.seq
    while at > 0:
        above = (at - 1) >> 1
        parent = heap[above]
        if parent.seq >= seq:
            break
        heap[at] = parent
        at = above
    heap[at] = node


def pop(heap: list[Node]) -> Node:
    """Take the ready node that was recorded last."""
    last = heap.pop()
    size = len(heap)
    if size == 0:
        return last
    top = heap[0]
    seq = last.seq
    at = 0
    child = 1
    while child < size:
        if child + 1 < size and heap[child + 1].seq > heap[child].seq:
            child += 1
        below = heap[child]
        if below.seq <= seq:
            break
        heap[at] = below
        at = child
        child = 2 * at + 1
    heap[at] = last
    return top
