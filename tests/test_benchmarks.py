"""The benchmark command runs; nothing here depends on how fast."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.skipif(
    not (ROOT / "benchmarks").is_dir(), reason="benchmarks/ is only in the repository"
)


def run(*words):
    command = [sys.executable, "-m", "benchmarks", *words]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


def test_two_workloads_alone(tmp_path):
    pytest.importorskip("retrograd")
    file = tmp_path / "results.json"
    done = run("chain", "mlp-tiny", "--quick", "--peers", "", "--json", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads(file.read_text())
    assert [row["name"] for row in results["rows"]] == ["chain", "mlp-tiny"]
    for row in results["rows"]:
        assert row["result"]["problem"] is None
        assert all(seconds > 0 for seconds in row["result"]["subject"])
        assert isinstance(row["result"]["facts"]["subject"]["compiled"], bool)
    # the gradient and the first loss, as PyTorch 2.13 computes them
    checks = [row["result"]["facts"]["subject"]["check"] for row in results["rows"]]
    assert checks == pytest.approx([0.2218166, 1.1081824], rel=1e-5)


def test_unknown_names_are_refused():
    done = run("chian")
    assert done.returncode == 2
    assert "unknown: chian; there are chain-forward" in done.stderr
