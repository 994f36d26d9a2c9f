"""The command `retrograd`."""

import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import retrograd
from retrograd import cli, torch_compat

from .commands import run_command, run_python
from .test_torch_compat import no_torch  # noqa: F401

ROOT = Path(__file__).resolve().parent.parent
SHOW = (
    "import json, sys\n"
    "import torch\n"
    "print(json.dumps([sys.argv, sys.path[0], __name__, __file__, torch.__name__]))\n"
)


@pytest.fixture
def script(tmp_path):
    def write(source, name="script.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        return path

    return write


# ---------------------------------------------------------------------------------------- run


def test_a_script_sees_what_python_would_show_it(script, tmp_path):
    path = script(SHOW, "inner/script.py")
    arguments = ["-m", "--", "--version", "run", "-h", "a b"]
    ran = run_command("run", "inner/script.py", *arguments, folder=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == [
        ["inner/script.py", *arguments],
        str(path.parent),
        "__main__",
        str(path),
        "retrograd",
    ]


def test_a_script_sees_the_same_without_retrograd(script, tmp_path):
    path = script(SHOW.replace("import torch\n", "torch = json\n"), "inner/script.py")
    arguments = ["-x", "--", "y"]
    ran = run_command("run", "inner/script.py", *arguments, folder=tmp_path)
    python = run_python("inner/script.py", *arguments, folder=tmp_path)
    assert ran.stdout == python.stdout
    assert str(path) in ran.stdout


def test_a_script_finds_the_modules_beside_it(script, tmp_path):
    script("value = 3", "inner/beside.py")
    script("import beside; print(beside.value)", "inner/script.py")
    ran = run_command("run", "inner/script.py", folder=tmp_path)
    assert (ran.returncode, ran.stdout) == (0, "3\n"), ran.stderr


def test_a_module(script, tmp_path):
    path = script(SHOW, "package/inner.py")
    script("", "package/__init__.py")
    ran = run_command("run", "-m", "package.inner", "-m", "x", folder=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == [
        [str(path), "-m", "x"],
        str(tmp_path),
        "__main__",
        str(path),
        "retrograd",
    ]


def test_a_folder_with_a_main(script, tmp_path):
    script("import beside; print(beside.value)", "inner/__main__.py")
    script("value = 4", "inner/beside.py")
    ran = run_command("run", "inner", folder=tmp_path)
    assert (ran.returncode, ran.stdout) == (0, "4\n"), ran.stderr


def test_main_stays_for_exit_handlers_and_pickles(script):
    path = script(
        "import atexit, pickle, sys\n"
        "class Thing: pass\n"
        "assert pickle.loads(pickle.dumps(Thing())).__class__ is Thing\n"
        "assert sys.modules['__main__'].Thing is Thing\n"
        "atexit.register(lambda: print(Thing.__name__))\n"
    )
    ran = run_command("run", str(path))
    assert (ran.returncode, ran.stdout) == (0, "Thing\n"), ran.stderr


def test_the_users_frames_and_no_others(script):
    path = script("def fail():\n    raise ValueError('mine')\n\nfail()\n")
    ran = run_command("run", str(path))
    assert (ran.returncode, ran.stdout) == (1, "")
    assert [line for line in ran.stderr.splitlines() if line.startswith("  File")] == [
        f'  File "{path}", line 4, in <module>',
        f'  File "{path}", line 2, in fail',
    ]
    assert ran.stderr == run_python(str(path)).stderr


def test_frames_inside_retrograd_are_left_out_and_counted(script):
    path = script("import torch\nx = torch.ones(2, requires_grad=True)\n(x * 2).backward()\n")
    ran = run_command("run", str(path))
    assert ran.returncode == 1
    files = [line for line in ran.stderr.splitlines() if line.startswith("  File")]
    assert files == [f'  File "{path}", line 3, in <module>']
    assert "RuntimeError: grad can be implicitly created only for scalar outputs" in ran.stderr
    assert ran.stderr.splitlines()[-1].endswith(
        "inside retrograd left out; RETROGRAD_TRACEBACK=full shows them)"
    )
    full = run_command("run", str(path), RETROGRAD_TRACEBACK="full")
    assert full.returncode == 1
    assert "in run_file" in full.stderr
    assert "left out" not in full.stderr
    assert len(full.stderr.splitlines()) > len(ran.stderr.splitlines())


def test_errors_behind_an_error_are_cleaned_too(script):
    path = script(
        "import torch\n"
        "try:\n"
        "    torch.ones(2).qqqqqqqqqqqq\n"
        "except AttributeError as error:\n"
        "    raise ValueError('mine') from error\n"
    )
    ran = run_command("run", str(path))
    assert ran.returncode == 1
    files = [line for line in ran.stderr.splitlines() if line.startswith("  File")]
    assert files == [
        f'  File "{path}", line 3, in <module>',
        f'  File "{path}", line 5, in <module>',
    ]
    assert "The above exception was the direct cause of the following" in ran.stderr


def test_a_missing_name_is_explained(script):
    path = script("from torch.nn import Liner\n")
    ran = run_command("run", str(path))
    assert ran.returncode == 1
    assert "ImportError: retrograd does not have `torch.nn.Liner` (yet); near names: " in ran.stderr
    assert "torch.nn.Linear" in ran.stderr
    files = [line for line in ran.stderr.splitlines() if line.startswith("  File")]
    assert files == [f'  File "{path}", line 1, in <module>']


def test_a_syntax_error_is_shown_as_python_does(script):
    path = script("import torch\nx = = 1\n")
    ran = run_command("run", str(path))
    python = run_python(str(path))
    assert (ran.returncode, ran.stderr) == (1, python.stderr)


@pytest.mark.parametrize(
    "source, status, text",
    [
        ("raise SystemExit", 0, ""),
        ("import sys; sys.exit(3)", 3, ""),
        ("raise SystemExit('why')", 1, "why\n"),
        ("raise KeyboardInterrupt", 130, None),
        (
            "import sys; sys.excepthook = lambda *_: print('own', file=sys.stderr); 1 / 0",
            1,
            "own\n",
        ),
    ],
)
def test_exit_status(script, source, status, text):
    ran = run_command("run", str(script(source)))
    assert ran.returncode == status
    if text is None:
        assert ran.stderr.endswith("KeyboardInterrupt\n")
    else:
        assert ran.stderr == text


def test_what_cannot_be_run(script, tmp_path):
    def refused(*arguments):
        ran = run_command("run", *arguments, folder=tmp_path)
        assert (ran.returncode, ran.stdout) == (2, "")
        return ran.stderr

    script("", "file.py")
    (tmp_path / "empty").mkdir()
    assert refused("none.py") == (
        f"retrograd run: no such file: 'none.py' (looked in {tmp_path})\n"
    )
    assert refused("empty") == "retrograd run: 'empty' is a folder without a __main__.py\n"
    assert refused("-m", "none.such") == "retrograd run: no module named 'none.such'\n"
    assert refused("-m", "file.py") == (
        "retrograd run: no module named 'file.py'; to run a file, leave out -m: 'file.py'\n"
    )
    assert "give a script, or -m and a module" in refused()
    assert "expected one argument" in refused("-m")
    assert "unrecognized arguments: --fast" in refused("--fast", "file.py")


def test_everything_is_put_back(no_torch, script, capsys):  # noqa: F811
    path = script("import torch, sys; sys.path.append('x'); print(torch.__name__, sys.argv[1:])")
    before = sys.argv, list(sys.path), sys.modules["__main__"], list(sys.meta_path)
    assert cli.main(["run", str(path), "one"]) == 0
    assert capsys.readouterr().out == "retrograd ['one']\n"
    assert (sys.argv, sys.path, sys.modules["__main__"], sys.meta_path) == before
    assert "torch" not in sys.modules


def test_refuses_beside_the_real_torch(no_torch, script, capsys):  # noqa: F811
    sys.modules["torch"] = ModuleType("torch")
    assert cli.main(["run", str(script("print('ran')"))]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("retrograd run: torch_compat.install: the real torch")


# ------------------------------------------------------------------------------ demo, info, ...


def test_demo(tmp_path):
    ran = run_command("demo", folder=tmp_path)
    assert ran.returncode == 0, ran.stderr
    expected = (ROOT / "tests" / "mission" / "expected" / "digits.txt").read_text().splitlines()
    lines = ran.stdout.splitlines()
    assert expected[-1] in lines
    assert "Try next:" in lines
    # Progress goes to stderr; the last loss is that of the script.
    assert expected[-2].split()[-1] in ran.stderr
    (command,) = [line for line in lines if line.startswith("  retrograd run") and "digits" in line]
    assert Path(command.split()[-1]).is_file()


def test_demo_trains_the_example():
    assert cli.example_path("digits.py").read_text() == (ROOT / "examples/digits.py").read_text()


def test_progress_by_a_line(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert list(cli.show_progress(iter([0.5, 0.25]), 2)) == [0.5, 0.25]
    assert capsys.readouterr().err == (
        "[###############               ] epoch 1 of 2  loss 0.5000\n"
        "[##############################] epoch 2 of 2  loss 0.2500\n"
    )
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert list(cli.show_progress(iter([0.5, 0.25]), 2)) == [0.5, 0.25]
    assert capsys.readouterr().err == (
        "\r[###############               ] epoch 1 of 2  loss 0.5000"
        "\r[##############################] epoch 2 of 2  loss 0.2500\n"
    )


def test_progress_by_tqdm(monkeypatch):
    shown = []

    class Bar:
        def __init__(self, losses, total, unit):
            self.losses = losses
            shown.append((total, unit))

        def __iter__(self):
            return iter(self.losses)

        def set_postfix(self, **values):
            shown.append(values)

    tqdm = ModuleType("tqdm")
    tqdm.tqdm = Bar
    monkeypatch.setitem(sys.modules, "tqdm", tqdm)
    assert list(cli.show_progress(iter([0.5, 0.25]), 2)) == [0.5, 0.25]
    assert shown == [(2, "epoch"), {"loss": "0.5000"}, {"loss": "0.2500"}]


def test_a_missing_example_is_said():
    with pytest.raises(cli.CommandError, match=r"the example none\.py is missing"):
        cli.example_path("none.py")


def test_info_prints_the_configuration(capsys):
    assert cli.main(["info"]) == 0
    printed = capsys.readouterr().out
    assert f"{np.__version__}" in printed
    assert cli.main(["info"]) == 0
    assert capsys.readouterr().out == printed


def test_version_and_help(capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"retrograd {retrograd.__version__}\n"
    assert cli.main([]) == 0
    assert "run a PyTorch script" in capsys.readouterr().out
    with pytest.raises(SystemExit) as caught:
        cli.main(["dance"])
    assert caught.value.code == 2


def test_argparse_is_the_commands_alone():
    ran = run_python("-c", "import sys, retrograd; assert 'argparse' not in sys.modules")
    assert ran.returncode == 0, ran.stderr


# ---------------------------------------------------------------------------------------- data


def test_the_digits_are_scikit_learns():
    pytest.importorskip("sklearn")
    ran = run_python(str(ROOT / "tools" / "make_digits.py"), "--check")
    assert (ran.returncode, ran.stdout) == (0, "digits.npz holds scikit-learn's data\n"), ran.stderr


def test_the_digits_are_attributed():
    folder = Path(retrograd.__file__).parent / "data"
    with np.load(folder / "digits.npz") as data:
        assert data["images"].shape == (1797, 8, 8) and data["images"].max() == 16
        assert np.bincount(data["labels"]).tolist() == [
            178, 182, 177, 183, 181, 182, 181, 179, 174, 180
        ]  # fmt: skip
    text = (folder / "digits.txt").read_text()
    for word in ("Alpaydin", "Kaynak", "1998", "UCI", "scikit-learn", "CC BY 4.0"):
        assert word in text
    assert not torch_compat.is_installed()
