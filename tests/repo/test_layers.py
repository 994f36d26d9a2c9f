"""Imports point one way.

A file may import from the lines of `ORDER` above its own, and from other files of its own line;
within a line imports form no cycle.  `docs/design/0001-core-and-gates.md` says why in this order.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .places import PACKAGE, sources

# Each line stands on those above it.  A name ending in `.*` is all files of that folder that
# have no entry of their own, `name` alone a single file.
ORDER = """
_core.errors
_core.native
_core.any_module
_core.modes
_core.tracing
_core.traced
_core.storage
_core.site
_core.hooks
_core.plan
_core.holomorphic
_core.node
_core.value
_core.broadcast
_core.promotion
_core.library
_core.checking
_core.op
_core.gates
_core.backward_errors _core.saved_values _core.ready _core.rules
_core.engine
_core.gradients
_core.custom
_core.public
_core.__init__
_spacing
ops.*
dtypes size device layouts _missing
_format generator streams.*
tensor
inplace _sequences
creation
_legacy
_methods random
dropouts
_protocol
_numpy_answers
_memory _objects
autograd.* func.*
linalg special fft config types
accelerator amp.* backends.* cuda.* distributed mps multiprocessing version xpu
nn.*
func.__init__ func.modules
optim.* utils.* distributions.*
compiler.*
static.*
jit _dynamo _higher_order_ops
optim.* utils.* distributions.* serialization.*
__init__ testing.* torch_compat
cli
__main__
"""

# Folders that do not import each other although they share a line or lie one above the other.
STRANGERS = [
    ("optim", "nn"),
    ("ops", "tensor"),
    ("func", "compiler"),
    ("compiler", "func"),
]

# Files of a folder that may import its stranger after all: an averaged model is a module, and
# `optim` loads this file only when it is asked for.
ACQUAINTED = {("optim.swa_utils", "nn")}

# What is imported beside the standard library and NumPy, by which file.  All of it is imported
# inside the function that needs it: `import retrograd` loads none.
OPTIONAL = {
    "safetensors": ("serialization",),
    "scipy": ("ops",),
    "numba": ("compiler.numba_backend", "compiler.numba_parts"),
    "llvmlite": ("compiler.numba_backend", "compiler.numba_parts", "compiler.native"),
    "threadpoolctl": ("config",),
    "tqdm": ("cli",),
    "mypy_extensions": ("_core.native",),
}
# Files that are only imported where what they need is there, in the function that needs them.
LATE = ("compiler.numba_parts",)
NOWHERE = ("cupy", "torch", "retrograd")

LEVELS = {
    name: number for number, line in enumerate(ORDER.split("\n")) for name in line.split()
}


def module_name(path: Path, package: Path = PACKAGE) -> str:
    return ".".join(path.relative_to(package).with_suffix("").parts)


def level(module: str) -> int | None:
    """Return the number of a file's line in ORDER, None when it has none."""
    folder = module.partition(".")[0] + ".*"
    return LEVELS.get(module, LEVELS.get(folder))


def inside(module: str, names: tuple[str, ...]) -> bool:
    return any(module == name or module.startswith(name + ".") for name in names)


def resolve(importer: str, node: ast.ImportFrom, package: Path) -> Iterator[str]:
    """Yield the files of the package that a relative import loads."""
    folder = importer.split(".")[: -node.level]
    module = [*folder, *(node.module.split(".") if node.module else [])]
    for alias in node.names:
        target = package.joinpath(*module, alias.name)
        if target.with_suffix(".py").is_file():
            yield ".".join([*module, alias.name])
        elif (target / "__init__.py").is_file():
            yield ".".join([*module, alias.name, "__init__"])
        elif (package.joinpath(*module) / "__init__.py").is_file():
            yield ".".join([*module, "__init__"])
        else:
            yield ".".join(module)


def imports(path: Path, package: Path = PACKAGE) -> Iterator[tuple[int, str | None, str]]:
    """Yield (line, file of this package or None, absolute name) for every import of a file."""
    importer = module_name(path, package)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, None, alias.name
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.lineno, None, str(node.module)
        elif isinstance(node, ast.ImportFrom):
            for target in resolve(importer, node, package):
                yield node.lineno, target, ""


def at_top(path: Path) -> set[int]:
    """Return the lines of the imports that run when the file is imported."""
    found = set()
    waiting = list(ast.parse(path.read_text(encoding="utf-8")).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found.add(node.lineno)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting += node.orelse  # the rest is read by type checkers alone
        elif isinstance(node, (ast.If, ast.Try, ast.With)):
            children = ast.iter_child_nodes(node)
            waiting += [child for child in children if isinstance(child, ast.stmt)]
    return found


def problems(package: Path = PACKAGE) -> list[str]:
    """Return every import that points the wrong way, and every file without a line in ORDER."""
    found = []
    for path in sources(package):
        importer = module_name(path, package)
        own = level(importer)
        if own is None:
            found.append(f"{importer}: give the new file a line in ORDER")
            continue
        top = at_top(path)
        for line, target, absolute in imports(path, package):
            where = f"{importer}:{line}"
            if target is None:
                found += outside_problem(importer, absolute, line in top, where)
                continue
            if target in LATE and line in top:
                found.append(f"{where} imports {target} at its top: see LATE")
            other = level(target)
            if other is not None and other > own:
                found.append(f"{where} imports {target}, which lies above it")
            for one, two in STRANGERS:
                acquainted = (importer, two) in ACQUAINTED
                if inside(importer, (one,)) and inside(target, (two,)) and not acquainted:
                    found.append(f"{where} imports {target}: {one} never imports {two}")
    return found


def outside_problem(importer: str, absolute: str, runs_at_import: bool, where: str) -> list[str]:
    root = absolute.partition(".")[0]
    if root in NOWHERE:
        return [f"{where} imports {absolute}, which no file of the package does"]
    if root in sys.stdlib_module_names or root == "numpy":
        return []
    if not inside(importer, OPTIONAL.get(root, ())):
        return [f"{where} imports {absolute}, which OPTIONAL does not allow there"]
    if runs_at_import and importer not in LATE:
        return [f"{where} imports {absolute} at its top: import it in the function that needs it"]
    return []


def cycles(package: Path = PACKAGE) -> list[str]:
    """Return the files that import each other in a ring, ring by ring."""
    graph = {}
    for path in sources(package):
        top = at_top(path)
        name = module_name(path, package)
        targets = {t for line, t, _ in imports(path, package) if t is not None and line in top}
        # A folder's `__init__` is loaded before its files anyway.
        graph[name] = {t for t in targets if not t.endswith("__init__")}
    found = []
    while graph:
        free = [name for name, targets in graph.items() if not targets & graph.keys()]
        if not free:
            found.append("imports run in a ring among " + ", ".join(sorted(graph)))
            break
        for name in free:
            del graph[name]
    return found


pytestmark = pytest.mark.skipif(not PACKAGE.is_dir(), reason="src/ is only in the repository")


def test_imports_point_one_way():
    assert problems() == []


def test_no_import_cycles():
    assert cycles() == []


def test_a_wrong_import_is_found(tmp_path):
    (tmp_path / "ops").mkdir()
    (tmp_path / "optim").mkdir()
    (tmp_path / "nn").mkdir()
    for folder in ("ops", "optim", "nn"):
        (tmp_path / folder / "__init__.py").write_text("")
    (tmp_path / "tensor.py").write_text("from .ops import sums\nimport cupy\n")
    (tmp_path / "ops" / "sums.py").write_text("from ..tensor import Tensor\nimport scipy\n")
    (tmp_path / "optim" / "sgd.py").write_text(
        "def step():\n    from ..nn import module\n    import retrograd.nn\n"
    )
    (tmp_path / "nn" / "module.py").write_text("")
    (tmp_path / "stranger.py").write_text("")
    found = "\n".join(problems(tmp_path))
    assert "ops.sums:1 imports tensor, which lies above it" in found
    assert "ops.sums:1 imports tensor: ops never imports tensor" in found
    assert "ops.sums:2 imports scipy at its top" in found
    assert "tensor:2 imports cupy, which no file" in found
    assert "optim.sgd:2 imports nn.module: optim never imports nn" in found
    assert "optim.sgd:3 imports retrograd.nn, which no file" in found
    assert "stranger: give the new file a line" in found
    assert len(problems(tmp_path)) == 7
    assert cycles(tmp_path) == ["imports run in a ring among ops.sums, tensor"]
