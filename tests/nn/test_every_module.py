"""Every class of `torch.nn` has a Case, with every option; those without say why."""

import importlib
import inspect
import itertools
import pkgutil

import numpy as np
import pytest

from retrograd import nn

from .. import nn as package
from .modules import Case, check_module, every
from .parity import check_parity

CHANCES = np.array([[0.2, 0.7, 0.5], [0.9, 0.1, 0.3]])
LABELS = np.array([[0, 1, 1], [1, 0, 0]])
CLASSES = np.array([2, 0, 1, 2, 1])
WEIGHTS = (0.5, 2.0, 1.5)


TENSORS = ("weight", "pos_weight", "_weight", "_random_samples")


def of_dtype(values):
    """Return an argument that has the dtype of the case and requires grad."""
    return lambda library, dtype: library.tensor(values.tolist(), dtype=dtype, requires_grad=True)


def fixed(values):
    """Return an argument that has the dtype of the case."""
    return lambda library, dtype: library.tensor(values.tolist(), dtype=dtype)


def made(name, *args, **settings):
    """Return how to make a module some of whose settings are tensors."""

    def make(library):
        given = {
            key: library.tensor(value) if key in TENSORS else value
            for key, value in settings.items()
        }
        return getattr(library.nn, name)(*args, **given)

    return make


def note(settings):
    """Return the text by which `test_every_option_has_a_case` finds the settings of a case."""
    return ", ".join(f"{key}={value}" for key, value in settings.items())


def loss(name, *inputs, **settings):
    return Case(name, inputs=list(inputs), make=made(name, **settings), note=note(settings))


def lazy(name, shape, *args, **settings):
    """Return a case of a lazy module that has seen its first input."""

    def make(library):
        module = getattr(library.nn, name)(*args, **settings)
        module(library.arange(float(np.prod(shape))).reshape(shape).sin())
        return module

    return Case(name, *args, inputs=[shape], make=make, note=note(settings))


def stacked(name, normed, **settings):
    """Return a case of a stack of two layers, with a norm at the end or without."""

    def make(library):
        layer = getattr(library.nn, f"{name}Layer")(6, 2, 7, dropout=0.0, batch_first=True)
        norm = library.nn.LayerNorm(6) if normed else None
        return getattr(library.nn, name)(layer, 2, norm, **settings)

    inputs = [(3, 5, 6), (3, 4, 6)][: 2 if name == "TransformerDecoder" else 1]
    text = f"{name.lower()[11:]}_layer=..., num_layers=2, norm={normed}, {note(settings)}"
    return Case(name, inputs=inputs, make=make, note=text)


def sequence(library):
    Linear, LayerNorm = library.nn.Linear, library.nn.LayerNorm
    inner = library.nn.Sequential(library.nn.ReLU(), Linear(4, 2))
    return library.nn.Sequential(Linear(3, 4), LayerNorm(4), inner)


def unpooled(n, **settings):
    """Return a case of what a maximum pooling of a volume of side 6 left."""

    def indices(library, dtype):
        x = library.arange(6.0**n).reshape(1, 1, *[6] * n).sin()
        pool = getattr(library.nn.functional, f"max_pool{n}d")
        return pool(x, 2, return_indices=True, **settings)[1]

    side = (6 + 2 * settings.get("padding", 0) - 2) // settings.get("stride", 2) + 1
    return Case(f"MaxUnpool{n}d", 2, **settings, inputs=[(1, 1, *[side] * n), indices],
                keywords={"output_size": [6] * n})  # fmt: skip


NORMS = ({"eps": 1e-2, "momentum": 0.5}, {"affine": False}, {"bias": False},
         {"momentum": None}, {"track_running_stats": False})  # fmt: skip
SIDES = (3, 4, 5, 3, 2)  # batch, channels and up to three sides
REDUCTIONS = ("mean", "sum", "none")
CASES = [
    *(loss("BCELoss", of_dtype(CHANCES), fixed(LABELS), reduction=r) for r in REDUCTIONS),
    loss("BCELoss", of_dtype(CHANCES), fixed(LABELS), weight=WEIGHTS),
    *(loss("BCEWithLogitsLoss", (2, 3), fixed(LABELS), reduction=r) for r in REDUCTIONS),
    loss("BCEWithLogitsLoss", (2, 3), fixed(LABELS), weight=WEIGHTS, pos_weight=(3.0, 0.5, 1.0)),
    *(loss("CrossEntropyLoss", (5, 3), CLASSES, reduction=r) for r in REDUCTIONS),
    loss("CrossEntropyLoss", (5, 3), CLASSES, weight=WEIGHTS, ignore_index=1, label_smoothing=0.2),
    loss("CrossEntropyLoss", (5, 3), (5, 3), label_smoothing=0.2, weight=WEIGHTS),
    loss("CrossEntropyLoss", (5, 3, 1, 2), np.stack([CLASSES, CLASSES[::-1]], 1)[:, None]),
    *(loss("NLLLoss", (5, 3), CLASSES, reduction=r) for r in REDUCTIONS),
    loss("NLLLoss", (5, 3), CLASSES, weight=WEIGHTS, ignore_index=1),
    *(loss(name, (3, 5), (3, 5), reduction=r)
      for name in ("L1Loss", "MSELoss", "SmoothL1Loss", "HuberLoss", "KLDivLoss")
      for r in REDUCTIONS if (name, r) != ("KLDivLoss", "mean")),
    *(loss("KLDivLoss", (3, 5), (3, 5), **one) for one in (
        {"reduction": "batchmean"}, {"log_target": True, "reduction": "sum"})),
    loss("SmoothL1Loss", (3, 5), (3, 5), beta=0.3),
    loss("SmoothL1Loss", (3, 5), (3, 5), beta=0.0),
    loss("HuberLoss", (3, 5), (3, 5), delta=0.3),
    Case("Flatten", inputs=[(2, 3, 1, 5)]),
    Case("Flatten", 0, -2, inputs=[(2, 3, 1, 5)]),
    Case("Flatten", start_dim=2, end_dim=3, inputs=[(2, 3, 1, 5)]),
    Case("Unflatten", 1, (2, 3), inputs=[(5, 6)]),
    Case("Unflatten", dim=-1, unflattened_size=(3, -1, 1), inputs=[(5, 6)]),
    lazy("LazyLinear", (2, 3), 4),
    lazy("LazyLinear", (2, 3), 4, bias=False),
    *(Case(f"BatchNorm{n}d", 4, **more, inputs=[SIDES[: n + 2]], calls=2)
      for n in (1, 2, 3) for more in NORMS),
    *(Case("SyncBatchNorm", 4, **more, inputs=[SIDES[:4]]) for more in ({}, *NORMS)),
    *(Case(f"InstanceNorm{n}d", 4, **{"affine": True, "track_running_stats": True, **more},
           inputs=[SIDES[: n + 2]], calls=2) for n in (1, 2, 3) for more in NORMS),
    *(lazy(f"Lazy{kind}Norm{n}d", SIDES[: n + 2],
           **{"affine": True, "track_running_stats": True, **more})
      for kind in ("Batch", "Instance") for n in (1, 2, 3) for more in NORMS),
    *(lazy(f"Lazy{kind}{n}d", (2, 4, 5, 3, 4)[: n + 2], 6, 2, **more)
      for kind in ("Conv", "ConvTranspose") for n in (1, 2, 3)
      for more in ({}, {"stride": 2, "padding": 1, "groups": 2, "bias": False},
                   {"dilation": (1, 2, 1)[:n]})),
    *(lazy(f"LazyConv{n}d", (2, 4, 5, 3, 4)[: n + 2], 3, 2, padding=1, padding_mode="reflect")
      for n in (1, 2, 3)),
    *(lazy(f"LazyConvTranspose{n}d", (2, 4, 5, 3, 4)[: n + 2], 3, 2, stride=2, output_padding=1,
            padding_mode="zeros") for n in (1, 2, 3)),
    Case("Sequential", inputs=[(5, 3)], make=sequence),
    *(stacked("TransformerEncoder", normed, **more)
      for normed in (False, True)
      for more in ({"enable_nested_tensor": False}, {"mask_check": False,
                                                      "enable_nested_tensor": False})),
    *(stacked("TransformerDecoder", normed) for normed in (False, True)),
    Case("TransformerDecoderLayer", 6, 2, 7, dropout=0.0, layer_norm_eps=0.1,
         inputs=[(5, 3, 6), (4, 3, 6)]),
    Case("AvgPool3d", 2, divisor_override=3, inputs=[(1, 2, 4, 3, 5)]),
    Case("Conv2d", 3, 4, (1, 2), bias=False, inputs=[(2, 3, 4, 5)]),
    Case("Conv3d", 3, 4, 2, bias=False, dilation=(1, 2, 1), inputs=[(2, 3, 2, 5, 3)]),
    Case("ConvTranspose1d", 3, 4, 2, padding_mode="zeros", inputs=[(2, 3, 5)]),
    Case("ConvTranspose2d", 3, 4, 2, padding_mode="zeros", inputs=[(2, 3, 5, 4)]),
    Case("ConvTranspose3d", 3, 4, 2, bias=False, dilation=(1, 2, 1), padding_mode="zeros",
         inputs=[(2, 3, 2, 3, 2)]),
    Case("Embedding", inputs=[np.array([[0, 2], [2, 1]])], note="_weight=..., _freeze=True",
         make=made("Embedding", 3, 2, _weight=[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], _freeze=True)),
    # Each row as often as the others: PyTorch's divides by the counts of other rows (test_bags.py).
    Case("EmbeddingBag", 5, 3, scale_grad_by_freq=True, inputs=[np.array([[0, 2, 4], [4, 2, 0]])]),
    Case("EmbeddingBag", inputs=[np.array([[0, 2], [2, 1]])], note="_weight=...",
         make=made("EmbeddingBag", 3, 2, _weight=[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])),
    *(Case(f"FractionalMaxPool{n}d", inputs=[(1, 2, *[7] * n)],
           note="_random_samples=..., output_size=3, return_indices=True",
           make=made(f"FractionalMaxPool{n}d", 2, output_size=3, return_indices=True,
                     _random_samples=[[[0.3, 0.7, 0.5][:n], [0.1, 0.9, 0.2][:n]]]))
      for n in (2, 3)),
    Case("Hardtanh", -0.5, 0.3, inputs=[(3, 5)]),
    *(unpooled(n, **more) for n in (1, 2, 3) for more in ({"stride": 2}, {"padding": 1})),
    loss("MultiLabelSoftMarginLoss", (2, 3), fixed(LABELS), weight=WEIGHTS),
    loss("MultiMarginLoss", (5, 3), CLASSES, weight=WEIGHTS, p=2, margin=0.7),
    Case("LinearCrossEntropyLoss", inputs=[(5, 4), CLASSES], note="weight=...",
         make=made("LinearCrossEntropyLoss", 4, 3, weight=WEIGHTS)),
    Case("UpsamplingBilinear2d", scale_factor=1.5, inputs=[(1, 2, 3, 5)]),
    Case("UpsamplingNearest2d", size=(2, 7), inputs=[(1, 2, 3, 5)]),
]  # fmt: skip

WITHOUT_CASES = {
    "CrossMapLRN2d": "PyTorch's is wrong (the docstring says how): test_normalisation.py",
    "DataParallel": "calls another module: tests/test_no_gpu.py",
    "Module": "has no forward: test_module.py, test_hooks.py",
    "ModuleDict": "has no forward: test_containers.py",
    "ModuleList": "has no forward: test_containers.py",
    "NLLLoss2d": "an old name of NLLLoss that warns: test_loss.py",
    "ParameterDict": "has no forward: test_containers.py",
    "ParameterList": "has no forward: test_containers.py",
    "RNNBase": "the base of RNN, LSTM and GRU: test_rnn.py",
    "RNNCellBase": "the base of the cells, without a forward: test_rnn_cells.py",
}


# Options of all classes, or of one, that no Case can have.
WITHOUT = {"device", "dtype", "size_average", "reduce"}
WITHOUT_OPTIONS = {
    "Dropout2d": {"inplace"},  # writes into its input: tests/test_dropouts.py
    "Embedding": {"sparse"},
    "EmbeddingBag": {"sparse"},
    "Hardsigmoid": {"inplace"},  # writes into its input: test_activation.py
    "Hardtanh": {"min_value", "max_value"},  # old names of min_val and max_val
    "LinearCrossEntropyLoss": {"options"},  # how much memory it takes
    "SyncBatchNorm": {"process_group"},
    # Its cases in test_transformer.py are made by a function; these settings are of its layers.
    "Transformer": set(inspect.signature(nn.Transformer).parameters),
}


@every(CASES)
def test_like_torch(case, dtype, mode):
    check_module(case, dtype, mode)


def all_cases():
    """Return the cases of all files, by the name of the class."""
    found = {}
    for file in pkgutil.iter_modules(package.__path__):
        if file.name.startswith("test_"):
            module = importlib.import_module(f"{package.__name__}.{file.name}")
            lists = [value for value in vars(module).values() if isinstance(value, (list, tuple))]
            for one in [one for values in lists for one in values if isinstance(one, Case)]:
                found.setdefault(one.name, []).append(one)
    return found


def classes():
    """Return the public modules by name."""
    return {
        name: value
        for name, value in vars(nn).items()
        if isinstance(value, type) and issubclass(value, nn.Module)
    }


def test_every_class_has_a_case():
    cases = all_cases()
    assert not [name for name in classes() if name not in cases and name not in WITHOUT_CASES]
    assert not [name for name in WITHOUT_CASES if name in cases or name not in classes()]


@pytest.mark.parametrize("name", sorted(set(classes()) - set(WITHOUT_CASES)))
def test_every_option_has_a_case(name):
    cases = all_cases()[name]
    parameters = [
        one
        for one in inspect.signature(classes()[name]).parameters.values()
        if one.kind is one.POSITIONAL_OR_KEYWORD or one.kind is one.KEYWORD_ONLY
    ]
    given = set()
    for case in cases:
        given |= {one.name for one in parameters[: len(case.args)]} | set(case.settings)
        given |= {one.name for one in parameters if f"{one.name}=" in case.note}
    wanted = {one.name for one in parameters} - WITHOUT - WITHOUT_OPTIONS.get(name, set())
    assert not sorted(wanted - given)


def old_losses():
    """Return the losses that still take `size_average` and `reduce`, each with a case."""
    cases = all_cases()
    return {
        name: cases[name][0]
        for name, value in classes().items()
        if name in cases and "size_average" in inspect.signature(value).parameters
    }


@pytest.mark.parametrize("settings", [*itertools.product((None, False, True), repeat=2)])
@pytest.mark.parametrize("name", sorted(old_losses()))
def test_old_settings_like_torch(name, settings):
    case = old_losses()[name]

    def program(library, nn):
        args, keywords, _ = case.arguments(library, "float64")
        module = getattr(nn, name)(*case.args, size_average=settings[0], reduce=settings[1])
        return module, module.reduction, module(*args, **keywords)

    check_parity(program)
