"""The command `retrograd`: run a PyTorch script, convert checkpoints, show a demo."""

from __future__ import annotations

import argparse
import importlib.util
import io
import os
import runpy
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, TracebackType

from . import torch_compat
from ._missing import PACKAGE

FULL_TRACEBACK = "RETROGRAD_TRACEBACK"  # environment variable; "full" leaves every frame in


class CommandError(Exception):
    """The command cannot do what it was asked; the text says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with the arguments of this process, or with those given.

    Returns the exit status; SystemExit, also a script's own, passes through.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    own, script_arguments = split_arguments(given)
    parser = make_parser()
    options = parser.parse_args(own)
    try:
        if options.command == "run":
            if (options.script is None) == (options.module is None):
                parser.error("run: give a script, or -m and a module")
            return run(options.script, options.module, script_arguments)
        if options.command == "demo":
            return demo()
        if options.command == "info":
            return info()
        if options.command == "cache":
            return cache(options.action)
        if options.command == "convert":
            return convert_file(options.source, options.target, options.key)
    except CommandError as error:
        print(f"retrograd {options.command}: {error}", file=sys.stderr)
        return 2
    parser.print_help()
    return 0


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="retrograd", description="PyTorch programs on NumPy: dynamic autograd in Python."
    )
    version = getattr(sys.modules[PACKAGE], "__version__", "unknown")
    parser.add_argument("--version", action="version", version=f"retrograd {version}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    run_parser = commands.add_parser(
        "run",
        help="run a PyTorch script, with torch answered by retrograd",
        description="Run a PyTorch script; `import torch` gives it retrograd.",
        usage="retrograd run [-h] (SCRIPT | -m MODULE) [ARGS ...]",
    )
    run_parser.add_argument("script", nargs="?", metavar="SCRIPT", help="the script's file")
    run_parser.add_argument("-m", dest="module", metavar="MODULE", help="a module instead")
    demo_text = "train a small network to read handwritten digits"
    commands.add_parser("demo", help=demo_text, description=demo_text.capitalize() + ".")
    info_text = "say which build is loaded and what it found"
    commands.add_parser("info", help=info_text, description=info_text.capitalize() + ".")
    cache_text = "say how large the cache of kernels is, fill it with the library's, or clear it"
    cache_parser = commands.add_parser(
        "cache", help=cache_text, description=cache_text.capitalize() + "."
    )
    cache_parser.add_argument("action", nargs="?", choices=("fill", "clear"), metavar="fill|clear")
    convert_parser = commands.add_parser(
        "convert",
        help="turn a checkpoint into a safetensors or .npz file, or back",
        description=(
            "Write the named tensors of a file into another; the endings (.pt, .pth, .bin, .ckpt, "
            ".safetensors, .npz) say the formats.  Nothing in a checkpoint is run."
        ),
    )
    convert_parser.add_argument("source", metavar="SOURCE")
    convert_parser.add_argument("target", metavar="TARGET", help="replaced when all is written")
    key_text = "where in the checkpoint the tensors are, such as model or state.model"
    convert_parser.add_argument("--key", metavar="NAME", help=key_text)
    return parser


def split_arguments(arguments: list[str]) -> tuple[list[str], list[str]]:
    """The command's own arguments, and those of the script that it is to run.

    argparse would take options out of the script's arguments, so it never sees them.
    """
    if arguments[:1] != ["run"]:
        return arguments, []
    for at, argument in enumerate(arguments[1:], start=1):
        if argument == "-m":
            return arguments[: at + 2], arguments[at + 2 :]
        if argument.startswith("-m") or not argument.startswith("-"):
            return arguments[: at + 1], arguments[at + 1 :]
    return arguments, []


def cache(action: str | None) -> int:
    """Print where the cache of kernels is and what it holds, fill it, or delete it."""
    from .compiler.backends import available
    from .compiler.library import prepare
    from .compiler.numba_backend import cache_directory, cache_size, clear_cache

    if action == "fill":
        if not available():
            raise SystemExit("retrograd cache fill: numba is not installed")
        prepare()
    kernels, size = cache_size()
    text = f"{kernels} kernels, {size / 1e6:.1f} MB in {cache_directory()}"
    if action == "clear":
        clear_cache()
        text = f"deleted {text}"
    print(text)
    return 0


# ---------------------------------------------------------------------------------------- run


def run(script: str | None, module: str | None, arguments: list[str]) -> int:
    """Run a script or a module as `python` would, with `import torch` answered by retrograd."""
    if script is not None:
        check_script(script)
    with as_program(script or "-m", arguments, search_folder(script)), torch_answered():
        try:
            if module is not None:
                check_module(module)
                runpy.run_module(module, run_name="__main__", alter_sys=True)
            elif script is not None and os.path.isdir(script):
                runpy.run_path(script, run_name="__main__")
            elif script is not None:
                run_file(script)
        except (SystemExit, CommandError):
            raise
        except BaseException as error:
            show_error(error)
            # 130 is what a shell reports of a program that an interrupt ended.
            return 130 if isinstance(error, KeyboardInterrupt) else 1
    return 0


def check_script(script: str) -> None:
    if not os.path.exists(script):
        raise CommandError(f"no such file: {script!r} (looked in {os.getcwd()})")
    if os.path.isdir(script) and not os.path.isfile(os.path.join(script, "__main__.py")):
        raise CommandError(f"{script!r} is a folder without a __main__.py")


def check_module(module: str) -> None:
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        found = None
    except ValueError:  # a relative name
        found = None
    if found is None:
        hint = f"; to run a file, leave out -m: {module!r}" if os.path.exists(module) else ""
        raise CommandError(f"no module named {module!r}{hint}")


def search_folder(script: str | None) -> str:
    """What python puts first into sys.path."""
    if script is None:
        return os.getcwd()
    if os.path.isdir(script):
        return os.path.abspath(script)
    return os.path.dirname(os.path.realpath(script))


def run_file(script: str) -> None:
    """Run a file as `__main__`.

    runpy.run_path would do, but it puts the path that it opens into sys.argv[0] and takes
    `__main__` away at the end, where python leaves the name as typed, and the module in place
    for exit handlers and worker processes.
    """
    path = os.path.abspath(script)
    try:
        with io.open_code(path) as file:
            source = file.read()
    except OSError as error:
        raise CommandError(f"cannot read {script!r}: {error.strerror}") from None
    code = compile(source, path, "exec", dont_inherit=True)
    module = sys.modules["__main__"]
    module.__file__ = path
    exec(code, vars(module))


@contextmanager
def as_program(name: str, arguments: list[str], folder: str) -> Iterator[None]:
    """A fresh `__main__`, and sys.argv and sys.path as python sets them up; then the old ones."""
    before = sys.modules["__main__"], sys.argv, sys.path
    program = ModuleType("__main__")
    vars(program)["__builtins__"] = vars(before[0])["__builtins__"]
    sys.modules["__main__"] = program
    sys.argv = [name, *arguments]
    safe_path = getattr(sys.flags, "safe_path", False)  # python -P, from 3.11 on
    # sys.path[0] is what python put there for this command itself.
    sys.path = list(sys.path) if safe_path else [folder, *sys.path[1:]]
    try:
        yield
    finally:
        sys.modules["__main__"], sys.argv, sys.path = before


@contextmanager
def torch_answered() -> Iterator[None]:
    already = torch_compat.is_installed()
    try:
        torch_compat.install()
    except RuntimeError as error:
        raise CommandError(str(error)) from None
    try:
        yield
    finally:
        if not already:
            torch_compat.uninstall()


def show_error(error: BaseException) -> None:
    """Print an error of the script's: its own frames, without those of this command or library."""
    hidden = 0
    if os.environ.get(FULL_TRACEBACK) != "full":
        hidden = hide_own_frames(error)
    sys.stdout.flush()
    sys.excepthook(type(error), error, error.__traceback__)
    if hidden:
        frames = "1 frame" if hidden == 1 else f"{hidden} frames"
        note = f"({frames} inside retrograd left out; {FULL_TRACEBACK}=full shows them)"
        print(note, file=sys.stderr)


def hide_own_frames(error: BaseException) -> int:
    """Take our frames out of an error's traceback and out of those of the errors behind it.

    Returns how many were taken out below the script's first frame.
    """
    hidden = 0
    waiting: list[BaseException | None] = [error]
    seen = set()
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        waiting += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]
        kept, inside = keep_user_frames(one.__traceback__)
        one.__traceback__ = kept
        hidden += inside
    return hidden


def keep_user_frames(traceback: TracebackType | None) -> tuple[TracebackType | None, int]:
    """The traceback without our frames, and how many of them lay below the user's first."""
    kept: list[TracebackType] = []
    inside = 0
    was_ours = False
    while traceback is not None:
        module_name = str(traceback.tb_frame.f_globals.get("__name__", ""))
        root = module_name.partition(".")[0]
        # NumPy's frames are the user's where the user's code called NumPy, ours where ours did.
        was_ours = root in (PACKAGE, "runpy") or (was_ours and root in ("numpy", "scipy"))
        if not was_ours:
            kept.append(traceback)
        elif kept:
            inside += 1
        traceback = traceback.tb_next
    rebuilt = None
    for one in reversed(kept):
        rebuilt = TracebackType(rebuilt, one.tb_frame, one.tb_lasti, one.tb_lineno)
    return rebuilt, inside


# ---------------------------------------------------------------------------------- demo, info


def demo() -> int:
    """Train the digits example, say how well it reads digits held out, and what to try next."""
    path = example_path("digits.py")
    with torch_answered():
        example = load_example(path)
        torch = sys.modules[PACKAGE]
        torch.manual_seed(example.SEED)
        images, labels, test_images, test_labels = example.split(*example.load_digits())
        model = example.make_model()
        print(f"Learning to read digits from {len(images)} images of 8x8 pixels.")
        start = time.perf_counter()
        for _ in show_progress(example.train(model, images, labels), example.EPOCHS):
            pass
        seconds = time.perf_counter() - start
        correct = (example.predict(model, test_images) == test_labels).sum().item()
    percent = 100 * correct / len(test_labels)
    print(f"Trained in {seconds:.1f} s.")
    print(f"held-out accuracy: {correct} of {len(test_labels)} ({percent:.1f} %)")
    print(next_steps(path))
    return 0


def next_steps(path: Path) -> str:
    shown = os.path.relpath(path)
    if shown.startswith(os.pardir):
        shown = str(path)
    return (
        "\nTry next:\n"
        f"  retrograd run {shown}\n"
        "      the same training, as the plain `import torch` script that it is\n"
        f"  python {shown}\n"
        "      the same losses from PyTorch, where that is installed\n"
        "  retrograd run SCRIPT.py\n"
        "      a PyTorch script of your own\n"
        "  retrograd info\n"
        "      which build of retrograd this is"
    )


def example_path(name: str) -> Path:
    """An example's file: in the installed package, or in the checkout around it."""
    package = Path(__file__).resolve().parent
    for folder in (package / "examples", package.parent.parent / "examples"):
        if (folder / name).is_file():
            return folder / name
    raise CommandError(f"the example {name} is missing from this installation of retrograd")


def load_example(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise CommandError(f"cannot load {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def show_progress(losses: Iterable[float], epochs: int) -> Iterator[float]:
    """Pass the losses on, showing how far the training is: by tqdm if installed, else by a line."""
    try:
        from tqdm import tqdm  # here: optional
    except ImportError:
        tqdm = None
    if tqdm is None:
        yield from show_line(losses, epochs)
        return
    bar = tqdm(losses, total=epochs, unit="epoch")
    for loss in bar:
        bar.set_postfix(loss=f"{loss:.4f}")
        yield loss


def show_line(losses: Iterable[float], epochs: int) -> Iterator[float]:
    """One line that is written over after each epoch; one line per epoch where that cannot be."""
    width = 30
    in_place = sys.stderr.isatty()
    for epoch, loss in enumerate(losses, start=1):
        done = "#" * (width * epoch // epochs)
        line = f"[{done:<{width}}] epoch {epoch:{len(str(epochs))}d} of {epochs}  loss {loss:.4f}"
        sys.stderr.write(f"\r{line}" if in_place else f"{line}\n")
        sys.stderr.flush()
        yield loss
    if in_place:
        sys.stderr.write("\n")


def info() -> int:
    """Print what `retrograd.show_config()` returns."""
    config = sys.modules[PACKAGE].show_config()
    if isinstance(config, Mapping):
        width = max((len(str(key)) for key in config), default=0)
        for key, value in config.items():
            print(f"{key!s:<{width}}  {value}")
    else:
        print(config)
    return 0


# ------------------------------------------------------------------------------------- convert


def convert_file(source: str, target: str, key: str | None) -> int:
    """Turn one file into another and say what was done."""
    from .serialization.conversion import ConversionError, convert  # here: loads half the library

    try:
        print(convert(source, target, key))
    except ConversionError as error:
        raise CommandError(str(error)) from None
    return 0
