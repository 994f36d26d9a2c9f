"""Build: the core is compiled by mypyc where a C compiler is, and installed as it is elsewhere.

``RETROGRAD_PURE=1`` asks for the pure-Python build.
"""

import os
import re
import sys
import sysconfig
import tempfile
from pathlib import Path

from setuptools import find_namespace_packages, setup

PACKAGE = Path("src/retrograd")
# Exceptions, the interpreted base classes, the registry of public names, the wrapper of rules and
# the decorators of traced functions stay interpreted.
INTERPRETED = {
    "__init__.py", "any_module.py", "errors.py", "holomorphic.py", "native.py", "public.py",
    "traced.py",
}


def compiled_files():
    core = sorted(p for p in (PACKAGE / "_core").glob("*.py") if p.name not in INTERPRETED)
    hot = [PACKAGE / "compiler" / f"{name}.py" for name in ("effects", "noting", "step")]
    return [str(p) for p in [*core, PACKAGE / "tensor.py", *hot]]


def can_compile():
    """Say whether a C compiler and Python's headers are here."""
    from setuptools._distutils.ccompiler import new_compiler
    from setuptools._distutils.sysconfig import customize_compiler

    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "probe.c"
        source.write_text("#include <Python.h>\nint probe(void) { return 0; }\n")
        compiler = new_compiler()
        try:
            customize_compiler(compiler)
            include = [sysconfig.get_paths()["include"]]
            compiler.compile([str(source)], output_dir=folder, include_dirs=include)
        except Exception as error:  # whatever is missing, the pure build works
            print(f"retrograd: no C compiler ({error}); installing pure Python", file=sys.stderr)
            return False
    return True


def extensions():
    if os.environ.get("RETROGRAD_PURE", "") not in ("", "0") or not can_compile():
        return []
    from mypyc.build import mypycify

    options = ["--ignore-missing-imports", "--follow-imports=silent", "--python-version=3.10"]
    made = mypycify([*options, *compiled_files()], opt_level="3", debug_level="0")
    mended = sum(repair(Path(source)) for ext in made for source in ext.sources)
    if not mended:
        raise SystemExit(
            "retrograd: this mypyc writes deallocators of another form, and weak references to "
            "tensors would dangle; build with RETROGRAD_PURE=1, or with mypy 2.4"
        )
    return made


def repair(source):
    """Mend the code that mypyc (as of 2.4) writes for classes with an interpreted base.

    Its deallocators leave weak references to the dead object standing: they are cleared.  Its
    ``__dict__`` and ``__weakref__`` members raise while the object has none: without them the
    base's own are found.  Returns how many deallocators were mended.
    """
    text = source.read_text()
    untrack = "PyObject_GC_UnTrack(self);"
    clear = "if (Py_TYPE(self)->tp_weaklistoffset) PyObject_ClearWeakRefs((PyObject *)self);"
    if clear not in text:
        text = text.replace(untrack, f"{untrack}\n{clear}")
        text = re.sub(r'\{"__(dict|weakref)__", T_OBJECT_EX, .*\},\n', "", text)
        source.write_text(text)
    return text.count(clear)


setup(
    ext_modules=extensions(),
    packages=[*find_namespace_packages("src"), "retrograd.examples"],
    package_dir={"": "src", "retrograd.examples": "examples"},
)
