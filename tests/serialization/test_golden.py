"""Files that PyTorch saved (stored): tools/make_checkpoints.py made them."""

import io
from pathlib import Path

import numpy as np
import pytest

import retrograd as rt

from .contents import CONTENTS, difference

FOLDER = Path(__file__).parent.parent / "data" / "checkpoints"
LEGACY = sorted(path.stem for path in FOLDER.glob("legacy_*.pt"))


def test_every_content_is_stored():
    assert {path.stem for path in FOLDER.glob("*.pt")} == {
        *CONTENTS, *LEGACY, "only_torch", "protocol_5",
    }  # fmt: skip
    assert len(LEGACY) == 4


@pytest.mark.parametrize("name", [*CONTENTS, *LEGACY])
@pytest.mark.parametrize("weights_only", [True, False])
def test_what_torch_saved_is_read(name, weights_only):
    loaded = rt.load(FOLDER / f"{name}.pt", weights_only=weights_only)
    assert difference(loaded, CONTENTS[name.removeprefix("legacy_")](rt)) is None


@pytest.mark.parametrize("name", CONTENTS)
def test_what_is_mapped_is_the_same(name):
    loaded = rt.load(FOLDER / f"{name}.pt", mmap=True)
    assert difference(loaded, CONTENTS[name](rt)) is None


@pytest.mark.parametrize("name", CONTENTS)
def test_what_is_saved_is_read_again(name):
    for settings in ({}, {"_use_new_zipfile_serialization": False}):
        file = io.BytesIO()
        rt.save(CONTENTS[name](rt), file, **settings)
        file.seek(0)
        assert difference(rt.load(file), CONTENTS[name](rt)) is None


def test_a_pickle_of_protocol_5_is_read():
    loaded = rt.load(FOLDER / "protocol_5.pt")
    assert difference(loaded, CONTENTS["containers"](rt)) is None


def test_shared_memory_stays_shared():
    for name in ("views_of_one_memory", "legacy_views_of_one_memory"):
        loaded = rt.load(FOLDER / f"{name}.pt")
        loaded["whole"][5] = -1.0
        assert loaded["one"].item() == -1.0
        assert loaded["square"][0, 1].item() == -1.0
        loaded["two"][1].fill_(7)
        assert loaded["two"][0].tolist() == [0, 7, 7, 7]


def test_versions_of_shared_memory_are_shared():
    loaded = rt.load(FOLDER / "views_of_one_memory.pt")
    x = loaded["whole"].requires_grad_()
    y = (x * loaded["one"]).sum()
    with rt.no_grad():
        loaded["square"].mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_one_object_stays_one():
    loaded = rt.load(FOLDER / "containers.pt")
    assert loaded["shared"][0] is loaded["shared"][1]
    assert loaded["cycle"][1] is loaded["cycle"]


def test_bfloat16_becomes_float32_exactly():
    with pytest.warns(UserWarning, match=r"storages of torch.bfloat16 were loaded as torch.float"):
        loaded = rt.load(FOLDER / "only_torch.pt")
    assert loaded["bfloat16"].dtype is rt.float32
    exact = (np.arange(-4, 4, dtype=np.float32) / 3).view(np.uint32)
    # Round to the upper sixteen bits, ties to even, as PyTorch's division did.
    rounded = (exact + 0x7FFF + (exact >> 16 & 1)) >> 16 << 16
    assert loaded["bfloat16"].numpy().tobytes() == rounded.view(np.float32).tobytes()
    assert loaded["part"].tolist() == loaded["bfloat16"][2:4].tolist()
    loaded["part"].zero_()
    assert loaded["bfloat16"][2].item() == 0


def test_pending_conjugation_is_done():
    with pytest.warns(UserWarning):
        loaded = rt.load(FOLDER / "only_torch.pt")
    assert loaded["conjugate"].tolist() == [1 - 2j, 3 + 4j]
    assert loaded["negative"].tolist() == [-2.0, 4.0]
