"""The generator: seeds, words, state and copies; against PyTorch where it is installed."""

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from retrograd.generator import DEFAULT_SEED, STATE_BYTES, Generator
from retrograd.streams import normal, uniform

GOLDEN = Path(__file__).parent / "data" / "random_golden.npz"


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.fixture
def golden():
    with np.load(GOLDEN) as arrays:
        yield arrays


# Seeds


@pytest.mark.parametrize(
    "seed, remembered",
    [
        (0, 0),
        (5, 5),
        (2**32 + 5, 2**32 + 5),
        (2**64 - 1, 2**64 - 1),
        (-1, 2**64 - 1),
        (-(2**63), 2**63),
        (np.int64(-3), 2**64 - 3),
    ],
)
def test_manual_seed_remembers_the_whole_seed(seed, remembered):
    generator = Generator()
    assert generator.manual_seed(seed) is generator
    assert generator.initial_seed() == remembered
    assert type(generator.initial_seed()) is int


def test_the_low_32_bits_choose_the_stream():
    first, second = Generator().manual_seed(5), Generator().manual_seed(2**33 + 5)
    assert np.array_equal(first.floats(10), second.floats(10))
    assert not np.array_equal(first.floats(10), Generator().manual_seed(6).floats(10))


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1])
def test_seeds_out_of_range(seed):
    with pytest.raises(ValueError, match=r"^Overflow when unpacking long long$"):
        Generator().manual_seed(seed)


@pytest.mark.parametrize("seed, name", [(1.5, "float"), ("1", "str"), (True, "bool")])
def test_seeds_of_another_type(seed, name):
    with pytest.raises(RuntimeError, match=f"^manual_seed expected a long, but got {name}$"):
        Generator().manual_seed(seed)


def test_a_new_generator_has_the_default_seed():
    assert Generator().initial_seed() == DEFAULT_SEED
    expected = Generator().manual_seed(DEFAULT_SEED).floats(4)
    assert np.array_equal(Generator().floats(4), expected)


def test_seed_starts_another_stream_and_returns_it():
    generator = Generator()
    seed = generator.seed()
    assert seed == generator.initial_seed() != generator.seed()
    assert 0 <= seed < 2**64


def test_seeding_forgets_the_left_over_normal():
    generator = Generator().manual_seed(0)
    normal(generator, 1)
    assert generator.next_normal is not None
    assert generator.manual_seed(0).next_normal is None


def test_other_devices_have_no_stream():
    with pytest.raises((RuntimeError, NotImplementedError), match="cuda"):
        Generator("cuda")
    assert str(Generator("cpu").device) == "cpu"


def test_offsets_are_refused():
    for call in (Generator().get_offset, lambda: Generator().set_offset(1)):
        with pytest.raises(RuntimeError, match=r"^CPU Generator does not use offset$"):
            call()


# Words


def test_words_are_those_of_the_twister():
    expected = np.random.RandomState(7).randint(0, 2**32, 20, dtype=np.uint32)
    generator = Generator().manual_seed(7)
    words = [generator.raw(), *generator.raw(7).tolist(), *generator.raw(12).tolist()]
    assert words == expected.tolist()


@pytest.mark.parametrize("size", [0, 1, 5, 16384, 16385, 40000])
def test_uniform_numbers_of_any_size_are_made_of_the_words(size):
    words = np.random.RandomState(7).randint(0, 2**32, 2 * size, dtype=np.uint32).astype(np.int64)
    singles = (words[:size] & (2**24 - 1)) / 2**24
    floats = Generator().manual_seed(7).floats(size)
    assert floats.dtype == np.float32
    assert np.array_equal(floats, singles)
    longs = words[0::2].astype(np.uint64) << np.uint64(32) | words[1::2].astype(np.uint64)
    assert np.array_equal(Generator().manual_seed(7).longs(size), longs)
    doubles = (longs & np.uint64(2**53 - 1)) / 2**53
    assert np.array_equal(Generator().manual_seed(7).doubles(size), doubles)


def test_single_doubles_are_those_of_the_array():
    one_by_one, at_once = Generator().manual_seed(7), Generator().manual_seed(7)
    assert [one_by_one.double() for _ in range(9)] == at_once.doubles(9).tolist()
    assert one_by_one.get_state_bytes() == at_once.get_state_bytes()


def test_the_twister_is_made_at_the_first_draw():
    program = (
        "import sys; import numpy; before = 'numpy.random' in sys.modules\n"
        "from retrograd.generator import Generator; Generator().manual_seed(3)\n"
        "sys.exit('numpy.random' in sys.modules and not before)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


# The state


@pytest.mark.parametrize("drawn", [0, 1, 2, 100, 623, 624, 625, 1247, 1248, 5000])
@pytest.mark.parametrize("normals", [0, 1])
def test_a_state_continues_the_stream(drawn, normals):
    generator = Generator().manual_seed(2**40 + 3)
    generator.floats(drawn)
    normal(generator, normals)
    state = generator.get_state_bytes()
    assert len(state) == STATE_BYTES
    other = Generator()
    other.set_state_bytes(state)
    assert other.get_state_bytes() == state
    assert other.initial_seed() == 2**40 + 3
    assert np.array_equal(normal(other, 3), normal(generator, 3))
    assert np.array_equal(uniform(other, 700), uniform(generator, 700))


def test_a_state_saved_by_pytorch_is_loaded(golden):
    generator = Generator()
    generator.set_state_bytes(golden["state"])
    assert generator.initial_seed() == 2**40 + 3
    assert generator.next_normal is not None
    assert generator.get_state_bytes() == golden["state"].tobytes()
    assert np.array_equal(normal(generator, 7), golden["after_state"])


@pytest.mark.parametrize("length", [0, 100, 5048, 5057])
def test_states_of_another_length(length):
    message = (
        "^Expected a CPUGeneratorImplState of size 5056 but found the input RNG state size to "
        f"be {length}$"
    )
    with pytest.raises(RuntimeError, match=message):
        Generator().set_state_bytes(bytes(length))


def test_bytes_that_are_no_state():
    with pytest.raises(RuntimeError, match=r"^Invalid mt19937 state$"):
        Generator().set_state_bytes(bytes(STATE_BYTES))


def copies():
    def from_pickle(generator):
        return pickle.loads(pickle.dumps(generator))

    return [copy.copy, copy.deepcopy, from_pickle, Generator.clone_state]


@pytest.mark.parametrize("make", copies())
@pytest.mark.parametrize("used", [False, True])
def test_copies_go_their_own_way(make, used):
    generator = Generator().manual_seed(11)
    if used:
        normal(generator, 5)
    state = generator.get_state_bytes()
    other = make(generator)
    assert type(other) is Generator
    assert other.get_state_bytes() == state
    numbers = normal(other, 20)
    assert generator.get_state_bytes() == state
    assert np.array_equal(normal(generator, 20), numbers)


# Against PyTorch


@pytest.mark.parametrize("seed", [0, 3, 2**32 - 1, 2**50 + 1, -1, -(2**63), 2**64 - 1])
def test_states_are_pytorchs(torch, seed):
    ours, theirs = Generator().manual_seed(seed), torch.Generator().manual_seed(seed)
    assert ours.initial_seed() == theirs.initial_seed()
    for words in (0, 1, 622, 1, 1, 700):
        ours.floats(words)
        torch.rand(words, generator=theirs)
        assert ours.get_state_bytes() == theirs.get_state().numpy().tobytes()
    normal(ours, 3)
    torch.randn(3, generator=theirs)
    assert ours.get_state_bytes() == theirs.get_state().numpy().tobytes()


def test_pytorch_loads_our_state(torch):
    ours, theirs = Generator().manual_seed(9), torch.Generator()
    normal(ours, 5)
    theirs.set_state(torch.frombuffer(bytearray(ours.get_state_bytes()), dtype=torch.uint8))
    assert theirs.initial_seed() == 9
    assert np.array_equal(normal(ours, 30), torch.randn(30, generator=theirs).numpy())
    assert np.array_equal(normal(ours, 3), torch.randn(3, generator=theirs).numpy())


def test_the_default_seed_is_pytorchs(torch):
    assert torch.Generator().initial_seed() == DEFAULT_SEED
