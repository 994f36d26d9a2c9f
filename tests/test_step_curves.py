"""The plot of the time to finish N steps: the command runs, and its arithmetic; not how fast."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.skipif(
    not (ROOT / "benchmarks").is_dir(), reason="benchmarks/ is only in the repository"
)


def figures(eager, replay):
    """Results of one model as the JSON file has them, with 10 steps of which 3 were measured."""

    def way(seconds, to):
        return {
            "seconds": seconds, "measured_to": to, "before": 0.2, "line": 0.01, "processes": 3,
        }  # fmt: skip

    ratios = [mine / other for mine, other in zip(replay, eager)]
    model = {
        "title": "a model",
        "ways": {"eager": way(eager, 10), "replay": way(replay, 3), "torch": way([9.0] * 6, 0)},
        "ratios": {
            "replay": {"median": ratios, "low": ratios, "high": ratios, "measured_to": 3},
        },
        "problems": {"mygrad": "ValueError: no"},
    }  # fmt: skip
    return {
        "context": {
            "date": "2026-01-01", "processor": "a processor", "cores": 2, "build": "pure",
            "threads": 1, "minutes": 9.5, "note": "", "versions": {"python": "3.13"},
        },
        "plan": {"rounds": 3, "seconds": 3.0, "pairs": 8, "peer_rounds": 2},
        "steps": [1, 2, 3, 5, 7, 10],
        "models": {"a": model},
    }  # fmt: skip


EAGER = [1e-3, 2e-3, 3e-3, 5e-3, 7e-3, 1e-2]
REPLAY = [4e-3, 4.1e-3, 4.2e-3, 4.4e-3, 4.6e-3, 5e-3]


def test_the_command_runs(tmp_path):
    pytest.importorskip("retrograd")
    file = tmp_path / "steps.json"
    words = ["newton", "--quick", "--ways", "eager,replay", "--json", str(file)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.steps", *words],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads(file.read_text())
    assert results["steps"] == [1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100]
    model = results["models"]["newton"]
    assert model["problems"] == {}
    for name in ("eager", "replay"):
        way = model["ways"][name]
        assert len(way["seconds"]) == 12
        assert all(seconds > 0 for seconds in way["seconds"])
        assert way["before"] > 0
        assert way["processes"] == (4 if name == "eager" else 2)  # eager at both ends of a round
    assert len(model["ratios"]["replay"]["median"]) >= 5
    assert "retrograd compile / eager" in done.stdout


@pytest.mark.parametrize(
    "name", ["mlp-tiny", "mlp-small", "cnn", "gru", "transformer", "newton", "physics",
             "actor-critic"]
)  # fmt: skip
def test_every_model_gives_the_same_compiled(name):
    """Eager and replay: the same first and third results, bit for bit."""
    import numpy as np

    torch = pytest.importorskip("retrograd")
    from benchmarks.steps.models import MODELS

    eager = MODELS[name].torch(torch)
    replayed = torch.compile(MODELS[name].torch(torch))
    for _ in range(3):
        first, second = eager().detach().numpy(), replayed().detach().numpy()
        assert np.isfinite(first).all()
        assert (first == second).all()


@pytest.mark.parametrize("name", ["mlp-small", "gru", "transformer", "newton", "physics",
                                  "actor-critic"])  # fmt: skip
def test_peers_run_the_same_mathematics(name):
    """The text for functional libraries, run by autograd, against the text for PyTorch's names."""
    torch = pytest.importorskip("retrograd")
    pytest.importorskip("autograd")
    from benchmarks import libraries
    from benchmarks.steps.models import MODELS
    from benchmarks.turns import agree
    from benchmarks.worker import checksum

    model = MODELS[name]
    mine, peers = model.torch(torch), model.functional(libraries.load("autograd"))
    for _ in range(2):
        assert agree(checksum(mine()), checksum(peers()))


def test_a_curve_goes_on_at_its_last_rate():
    from benchmarks.steps.measure import Run, curve

    # 5 s, then 1 s a step; a short process is not continued
    long = Run(0, True, [1, 2, 3, 5, 7, 10], [5.0, 6.0, 7.0, 9.0, 11.0, 14.0], 0.2, 0.0)
    short = Run(1, False, [1, 2], [7.0, 8.0], 0.2, 0.0)
    assert long.at(10) == (14.0, True)
    assert long.at(100) == (104.0, False)
    assert short.at(100) is None
    found = curve([long, short], [1, 2, 10, 15])
    assert found["seconds"] == [6.0, 7.0, 14.0, 19.0]
    assert found["measured_to"] == 10


def test_ratios_are_of_the_same_round():
    from benchmarks.steps.measure import Run, noise, ratios

    eager = [
        Run(0, True, [1, 2], [1.0, 2.0], 0, 0),
        Run(1, False, [1], [8.0], 0, 0),
        Run(1, False, [1], [12.0], 0, 0),
    ]
    compiled = [Run(0, True, [1, 2], [3.0, 4.0], 0, 0), Run(1, False, [1], [50.0], 0, 0)]
    found = ratios(compiled, eager, [1, 2])
    assert found["median"] == [4.0, 2.0]
    assert (found["low"], found["high"]) == ([3.5, 2.0], [4.5, 2.0])
    assert found["measured_to"] == 2
    assert noise(eager, [1, 2])["median"] == [1.5]


def test_verdicts():
    from benchmarks.steps.verdicts import lowest, verdicts

    results = figures(EAGER, REPLAY)
    model, steps = results["models"]["a"], results["steps"]
    (found,) = verdicts(model, steps)
    assert not found.passed
    assert found.above == (1, 2, 3)
    assert str(found) == (
        "fail: at worst 4.00, at N = 1; above 1.05 at N = 1 to 3"
    )
    assert [lowest(model, place) for place in range(6)] == ["eager"] * 3 + ["replay"] * 3
    (found,) = verdicts(figures(EAGER, EAGER)["models"]["a"], steps)
    assert found.passed
    assert str(found) == "pass: at worst 1.00, at N = 1"
    model["ratios"]["replay"]["low"] = [0.9] * 6
    assert str(verdicts(model, steps)[0]).startswith("unclear, the rounds disagree: at worst 4.00")


def test_the_page(tmp_path):
    from benchmarks.steps import page

    file = tmp_path / "steps.md"
    file.write_text(f"above\n{page.BEGIN}old\n{page.END}\nbelow\n")
    page.write(figures(EAGER, REPLAY), file)
    text = file.read_text()
    assert text.startswith("above\n")
    assert text.endswith("\nbelow\n")
    assert "old" not in text
    assert "| retrograd compile | 0.20 s | 4 ms | ~5 ms |" in text
    assert "| a model | replay | 4.00 | 0.50 | fail:" in text
    assert "| MyGrad | ValueError: no |" in text
    assert "Never more than 5 % above eager, at any N: 0 of 1." in text
    assert "Lowest of all: retrograd in 2 of 2, compiled in 1." in text
    page.write(figures(EAGER, REPLAY), file)
    assert file.read_text() == text


def test_the_plot_is_the_same_each_time(tmp_path):
    pytest.importorskip("matplotlib")
    from benchmarks.steps import draw

    files = [tmp_path / f"{number}.svg" for number in range(2)]
    for file in files:
        draw.draw(figures(EAGER, REPLAY), file)
    text = files[0].read_text()
    assert text == files[1].read_text()
    for words in ("a model", "retrograd compile", "PyTorch", "10 ms"):
        assert f">{words}<" in text
    assert "MyGrad" not in text
    draw.draw(figures(EAGER, REPLAY), files[1], with_import=True)
    assert text != files[1].read_text()


def test_lists_of_numbers_are_kept_on_one_line(tmp_path):
    from benchmarks.steps.__main__ import save

    file = tmp_path / "steps.json"
    results = figures(EAGER, REPLAY)
    save(results, file)
    assert json.loads(file.read_text()) == results
    assert ' "steps": [1, 2, 3, 5, 7, 10],\n' in file.read_text()
