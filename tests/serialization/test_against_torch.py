"""Both libraries read each other's files, and write the same bytes."""

import collections
import io
import zipfile

import numpy as np
import pytest

import retrograd as rt

from .contents import CONTENTS, difference

torch = pytest.importorskip("torch")


def saved(t, content, **settings):
    file = io.BytesIO()
    t.save(content, file, **settings)
    file.seek(0)
    return file


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("name", CONTENTS)
def test_torch_reads_what_retrograd_saved(name, legacy):
    ours, theirs = CONTENTS[name](rt), CONTENTS[name](torch)
    if legacy and name == "dtypes":  # PyTorch does not read its own files of these
        for content in (ours, theirs):
            for dtype in ("uint16", "uint32", "uint64"):
                del content[dtype]
    file = saved(rt, ours, _use_new_zipfile_serialization=not legacy)
    loaded = torch.load(file, weights_only=name != "beyond_weights_only")
    assert difference(loaded, theirs) is None


@pytest.mark.parametrize("name", CONTENTS)
def test_torch_reads_it_without_restriction(name):
    loaded = torch.load(saved(rt, CONTENTS[name](rt)), weights_only=False)
    assert difference(loaded, CONTENTS[name](torch)) is None


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("name", CONTENTS)
def test_retrograd_reads_every_binary_protocol(name, protocol):
    loaded = rt.load(saved(torch, CONTENTS[name](torch), pickle_protocol=protocol))
    assert difference(loaded, CONTENTS[name](rt)) is None


# Python writes a text again where it is another object, which is the libraries' own affair.
OTHER_TEXTS = {"torchs_objects", "beyond_weights_only"}


@pytest.mark.parametrize("name", sorted(set(CONTENTS) - OTHER_TEXTS))
def test_the_records_are_the_same_bytes(name):
    ours = zipfile.ZipFile(saved(rt, CONTENTS[name](rt)))
    theirs = zipfile.ZipFile(saved(torch, CONTENTS[name](torch)))
    assert ours.testzip() is None
    assert ours.namelist() == theirs.namelist()
    for record in ours.namelist():
        if record.endswith("serialization_id"):
            assert len(ours.read(record)) == len(theirs.read(record)) == 40
        else:
            assert ours.read(record) == theirs.read(record), record


def test_torch_maps_what_retrograd_saved(tmp_path):
    path = tmp_path / "a.pt"
    rt.save(CONTENTS["shapes"](rt), path)
    loaded = torch.load(path, mmap=True)
    assert difference(loaded, CONTENTS["shapes"](torch)) is None
    assert zipfile.ZipFile(path).namelist()[0] == "a/data.pkl"


@pytest.mark.parametrize(
    "name", ["model.pt", "two.dots.pt", "noext", "gr\u00fcn.pt", "with space.pth"]
)
def test_the_folder_in_the_file_has_torchs_name(name, tmp_path):
    folders = []
    for t in (rt, torch):
        t.save([1], tmp_path / name)
        folders.append(zipfile.ZipFile(tmp_path / name).namelist()[0])
    assert folders[0] == folders[1]


def test_a_model_goes_there_and_back():
    ours = rt.nn.Sequential(rt.nn.Linear(3, 2), rt.nn.PReLU(), rt.nn.Linear(2, 1))
    theirs = torch.nn.Sequential(
        torch.nn.Linear(3, 2), torch.nn.PReLU(), torch.nn.Linear(2, 1)
    )
    theirs.load_state_dict(torch.load(saved(rt, ours.state_dict())))
    assert difference(dict(ours.state_dict()), dict(theirs.state_dict())) is None
    with torch.no_grad():
        theirs[0].weight.fill_(0.25)
    ours.load_state_dict(rt.load(saved(torch, theirs.state_dict())))
    assert ours[0].weight[0, 0].item() == 0.25


@pytest.mark.parametrize("kind, settings", [
    ("SGD", {"lr": 0.1, "momentum": 0.9}), ("Adam", {"lr": 0.1, "amsgrad": True}),
    ("AdamW", {"lr": 0.1}), ("Adamax", {}), ("NAdam", {}), ("RAdam", {}), ("Adagrad", {}),
    ("Adadelta", {}), ("RMSprop", {"centered": True, "momentum": 0.5}), ("Rprop", {}),
    ("ASGD", {}),
])  # fmt: skip
def test_an_optimizers_state_goes_on_in_the_other_library(kind, settings):
    def start(t):
        parameter = t.nn.Parameter(t.arange(4.0))
        return parameter, getattr(t.optim, kind)([parameter], **settings)

    def step(parameter, optimizer, t, count):
        for number in range(count):
            parameter.grad = t.full((4,), 0.5 + number)
            optimizer.step()

    for first, second in ((rt, torch), (torch, rt)):
        begun, optimizer = start(first)
        step(begun, optimizer, first, 3)
        file = saved(first, {"p": begun.detach(), "o": optimizer.state_dict()})
        loaded = second.load(file)
        other, going_on = start(second)
        with second.no_grad():
            other.copy_(loaded["p"])
        going_on.load_state_dict(loaded["o"])
        step(begun, optimizer, first, 2)
        step(other, going_on, second, 2)
        np.testing.assert_allclose(other.detach().numpy(), begun.detach().numpy(), rtol=1e-6)


SCHEDULERS = {
    "StepLR": lambda s, o: s.StepLR(o, 2),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [1, 1, 3]),
    "LambdaLR": lambda s, o: s.LambdaLR(o, lambda epoch: 0.9**epoch),
    "CosineAnnealingWarmRestarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 5),
    "CyclicLR": lambda s, o: s.CyclicLR(o, 0.1, 0.5),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, 0.1, 10),
    "ReduceLROnPlateau": lambda s, o: s.ReduceLROnPlateau(o),
    "SequentialLR": lambda s, o: s.SequentialLR(
        o, [s.ConstantLR(o), s.ExponentialLR(o, 0.9)], [2]
    ),
}


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_schedulers_state_goes_on_in_the_other_library(name):
    def start(t, steps):
        optimizer = t.optim.SGD([t.nn.Parameter(t.ones(2))], lr=0.1, momentum=0.9)
        scheduler = SCHEDULERS[name](t.optim.lr_scheduler, optimizer)
        return advanced(optimizer, scheduler, steps)

    def advanced(optimizer, scheduler, steps):
        for number in range(steps):
            optimizer.step()
            scheduler.step(*[1.0 + number] * (name == "ReduceLROnPlateau"))
        return optimizer, scheduler

    for first, second in ((rt, torch), (torch, rt)):
        begun, scheduler = start(first, 3)
        file = saved(first, {"o": begun.state_dict(), "s": scheduler.state_dict()})
        loaded = second.load(file)
        other, going_on = start(second, 0)
        other.load_state_dict(loaded["o"])
        going_on.load_state_dict(loaded["s"])
        advanced(begun, scheduler, 3)
        advanced(other, going_on, 3)
        assert other.param_groups[0]["lr"] == begun.param_groups[0]["lr"]


def test_random_states_are_exchanged():
    rt.manual_seed(11)
    rt.randn(5)
    state = torch.load(saved(rt, rt.get_rng_state()))
    torch.set_rng_state(state)
    assert rt.rand(3).tolist() == torch.rand(3).tolist()


def test_random_structures():
    """Nested containers of everything, drawn at random, there and back."""
    random = np.random.default_rng(0)

    def draw(t, depth, choices):
        kind = choices.integers(0, 5 if depth < 4 else 0, endpoint=True) if depth < 4 else 9
        count = int(choices.integers(0, 5))
        inner = lambda: draw(t, depth + 1, choices)  # noqa: E731
        if kind == 0:
            return [inner() for _ in range(count)]
        if kind == 1:
            return tuple(inner() for _ in range(count))
        if kind == 2:
            return {f"key {i}": inner() for i in range(count)}
        if kind == 3:
            return collections.OrderedDict((i, inner()) for i in range(count))
        leaf = int(choices.integers(0, 8))
        if leaf == 0:
            shape = tuple(int(n) for n in choices.integers(1, 4, int(choices.integers(0, 4))))
            numbers = np.asarray(choices.integers(0, 100, shape))
            dtype = ("int64", "float32", "bool", "uint8", "complex128")[int(choices.integers(5))]
            x = t.from_numpy(numbers.astype(dtype))
            return x.transpose(0, 1) if len(shape) > 1 else x
        if leaf == 1:
            return int(choices.integers(-(2**62), 2**62)) * int(choices.integers(1, 2**30))
        return (None, True, 0.5, "text", b"bytes", 1j, t.float16, {1, 2})[leaf]

    for seed in random.integers(0, 2**31, 60):
        ours = draw(rt, 0, np.random.default_rng(seed))
        theirs = draw(torch, 0, np.random.default_rng(seed))
        assert difference(torch.load(saved(rt, ours)), theirs) is None
        assert difference(rt.load(saved(torch, theirs)), ours) is None
