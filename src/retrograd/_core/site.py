"""Where in the user's program something happened: cheap to note, formatted only for an error.

A site is the pair (code object, instruction offset).  Frames are never kept: they would keep
every local of the user's function alive.
"""

from __future__ import annotations

import sys
from typing import Any, Final

_getframe: Final[Any] = sys._getframe
_inside: Final[dict[str, bool]] = {}
_package: Final = __file__.replace("\\", "/").rsplit("/_core/", 1)[0] + "/"


# In the pure build the frames of `here` and of its callers in the gates come first.
_skip: Final = 2 if __file__.endswith(".py") else 0


def _is_inside(filename: str) -> bool:
    name = filename.replace("\\", "/")
    found = name.startswith(_package) and not name.startswith(_package + "examples/")
    _inside[filename] = found
    return found


def here() -> Any:
    """Return the site of the innermost frame that is not the library's own, or None."""
    frame: Any = _getframe(_skip)
    while frame is not None:
        code = frame.f_code
        filename: str = code.co_filename  # its hash is kept; a code object's is not
        inside = _inside.get(filename)
        if inside is None:
            inside = _is_inside(filename)
        if not inside:
            return (code, frame.f_lasti)
        frame = frame.f_back
    return None


def line_of(site: Any) -> int:
    """Return the line number of a site."""
    code, offset = site
    line = code.co_firstlineno
    for start, end, number in code.co_lines():
        if start <= offset < end and number is not None:
            line = number
            break
    return int(line)


def describe_site(site: Any) -> str:
    """Return ``file.py:12 in f: `y = x.exp()```, or an empty text when the site is unknown."""
    if site is None:
        return ""
    import linecache  # only read when an error is being written

    code = site[0]
    line = line_of(site)
    source = linecache.getline(code.co_filename, line).strip()
    text = f"{code.co_filename}:{line} in {code.co_name}"
    return f"{text}: `{source}`" if source else text
