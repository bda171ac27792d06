"""Models that must not serve: the encoder that ships, or its card, spoilt in one way each."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import external_data_helper, helper, numpy_helper

from lookalike.cards import CARD_NAME, ONNX_NAME, ModelCard, Preprocessing, Thresholds
from lookalike.models import SHIPPED
from tests.training.gate import challengers as made
from tests.training.gate.challengers import BIAS, WEIGHT, Edit

FIRST = "onnx::Conv_525.half"  # kernels of the first layer, (16, 3, 3, 3)
MEAN, STD, FULL = "/encoder/Constant_output_0", "/encoder/Constant_1_output_0", "/Constant_output_0"
SIZE = 160
Weights = NDArray[Any]
Spoil = Callable[[Path], None]


@dataclass(frozen=True)
class Sabotage:
    """why: checks of which one at least must refuse it. card: fields that differ. after: what is
    done to the folder when it is written; its card then still names the file that was there.
    """

    why: frozenset[str]
    edits: tuple[Edit, ...] = ()
    card: dict[str, Any] = field(default_factory=dict)
    after: Spoil | None = None

    def write(self, store: Path, name: str) -> None:
        folder = made.model(store, name, *self.edits, **self.card)
        if self.after:
            self.after(folder)


def one_value(name: str, value: float) -> Edit:
    def edit(graph: onnx.ModelProto) -> None:
        values = made.weights(graph)[name].copy()
        values.reshape(-1)[values.size // 2] = value
        made.put(graph, name, values)

    return edit


def every(change: Callable[[Weights], Weights]) -> Edit:
    """change: of each kernel and matrix."""

    def edit(graph: onnx.ModelProto) -> None:
        for name, values in made.weights(graph).items():
            if values.dtype == np.float16 and values.ndim > 1:
                made.put(graph, name, change(values.astype(np.float32)))

    return edit


def quantised(bits: int) -> Edit:
    """To so many levels of either sign, of equal distance."""

    def change(values: Weights) -> Weights:
        levels = 1 << bits - 1
        step = np.abs(values).mean() * 2 / levels
        size = np.clip(np.ceil(np.abs(values) / step), 1, levels) - 0.5
        made_of: Weights = np.sign(values) * size * step
        return made_of

    return every(change)


def blue_first(graph: onnx.ModelProto) -> None:
    """Fed red, green, blue, it takes them for blue, green, red."""
    made.put(graph, FIRST, made.weights(graph)[FIRST][:, ::-1])


def normalised(
    mean: Callable[[Weights, Weights], Weights], std: Callable[[Weights, Weights], Weights]
) -> Edit:
    """mean, std: new ones, of the old mean and deviation."""

    def edit(graph: onnx.ModelProto) -> None:
        m, s = (numpy_helper.to_array(_constant(graph, name)) for name in (MEAN, STD))
        for name, values in ((MEAN, mean(m, s)), (STD, std(m, s))):
            _constant(graph, name).CopyFrom(numpy_helper.from_array(values.astype(np.float32)))

    return edit


def not_scaled(graph: onnx.ModelProto) -> None:
    """Pixels from 0 to 255, where the network knows 0 to 1."""
    _constant(graph, FULL).CopyFrom(numpy_helper.from_array(np.array(1, np.float32)))


def one_layer_shuffled(graph: onnx.ModelProto) -> None:
    """The largest convolution."""
    kernels = {k: v for k, v in made.weights(graph).items() if v.ndim == 4}
    name = max(kernels, key=lambda one: kernels[one].size)
    draw = np.random.default_rng(0)
    made.put(graph, name, draw.permutation(kernels[name].reshape(-1)).reshape(kernels[name].shape))


def half_negated(both: Weights) -> Weights:
    """Of the features; of the dimensions it would change no cosine."""
    signs = np.where(np.arange(both.shape[1]) % 2, -1.0, 1.0)
    return both * signs


def collapsed(both: Weights) -> Weights:
    """All vectors near one another: what tells them apart is small beside what they share."""
    lengths = np.abs(both[:, :-1]).sum(axis=1).mean()
    return np.column_stack([both[:, :-1], both[:, -1] + lengths])


def restless(graph: onnx.ModelProto, given: str) -> list[onnx.NodeProto]:
    """Another vector each time."""
    return [
        helper.make_node("RandomNormalLike", [given], ["chance"], scale=0.05),
        helper.make_node("Add", [given, "chance"], ["embedding"]),
    ]


def halved(graph: onnx.ModelProto, given: str) -> list[onnx.NodeProto]:
    graph.graph.initializer.append(numpy_helper.from_array(np.full(1, 0.5, np.float32), "half"))
    return [helper.make_node("Mul", [given, "half"], ["embedding"])]


def narrower(graph: onnx.ModelProto) -> None:
    """Half as many dimensions as its card says."""
    for name in (WEIGHT, BIAS):
        kept = made.weights(graph)[name][:128]
        one = next(one for one in graph.graph.initializer if one.name == name)
        one.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(kept), name))


def elsewhere(folder: Path) -> None:
    """Its weights in a file beside it, and a card that names the rest rightly."""
    graph = onnx.load(str(folder / ONNX_NAME))
    external_data_helper.convert_model_to_external_data(graph, location="weights.bin")
    onnx.save(graph, str(folder / ONNX_NAME))
    rename(folder)


def anothers(folder: Path) -> None:
    """A sound file, but not the one of its card."""
    graph = onnx.load(str(SHIPPED / ONNX_NAME))
    made.perturbed(0.002)(graph)
    (folder / ONNX_NAME).write_bytes(graph.SerializeToString())


def rename(folder: Path) -> None:
    """Make the card name the file that is there."""
    sha256 = hashlib.sha256((folder / ONNX_NAME).read_bytes()).hexdigest()
    card = replace(ModelCard.read(folder), sha256=sha256)
    (folder / CARD_NAME).write_text(card.to_json())


def _constant(graph: onnx.ModelProto, name: str) -> onnx.TensorProto:
    found = next(node for node in graph.graph.node if name in node.output)
    tensor: onnx.TensorProto = found.attribute[0].t
    return tensor


def _fed(**how: Any) -> dict[str, Any]:
    return {"preprocessing": replace(Preprocessing(size=SIZE), **how)}


def _thresholds(duplicate: float | None = None, floor: float | None = None) -> dict[str, Any]:
    now = ModelCard.read(SHIPPED).thresholds
    return {
        "thresholds": Thresholds(
            now.duplicate if duplicate is None else duplicate, now.floor if floor is None else floor
        )
    }


def _for(*why: str) -> frozenset[str]:
    return frozenset(why)


LITTLE = made.perturbed(0.001)  # sound weights, and not live's own file
WORSE = _for("clicks", "gold", "slices", "spread", "thresholds")
BROKEN = _for("vectors", "same again", "file")
SABOTAGES: dict[str, Sabotage] = {
    "all layers shuffled": Sabotage(WORSE, (made.shuffled(),)),
    "one layer shuffled": Sabotage(WORSE, (one_layer_shuffled,)),
    "noise of half a spread": Sabotage(WORSE, (made.perturbed(0.5),)),
    "one weight NaN": Sabotage(BROKEN, (one_value(FIRST, float("nan")),)),
    "one weight infinite": Sabotage(BROKEN, (one_value(FIRST, float("inf")),)),
    "NaN for every picture": Sabotage(BROKEN, (made.ending(made.not_a_number),)),
    "all zeros": Sabotage(BROKEN | WORSE, (made.projection(lambda both: both * 0),)),
    "constant": Sabotage(WORSE, (made.ending(made.constant),)),
    "collapsed": Sabotage(WORSE, (made.projection(collapsed),)),
    "three directions": Sabotage(WORSE, (made.fewer(3),)),
    "blue for red": Sabotage(WORSE, (blue_first,)),
    "pixels not scaled": Sabotage(WORSE, (not_scaled,)),
    "not normalised": Sabotage(WORSE, (normalised(lambda m, s: m * 0, lambda m, s: s * 0 + 1),)),
    "normalised twice": Sabotage(WORSE, (normalised(lambda m, s: m + m * s, lambda m, s: s * s),)),
    "fed another size": Sabotage(_for("preprocessing", "file"), (LITTLE,), _fed(size=128)),
    "fed a crop": Sabotage(_for("preprocessing"), (LITTLE,), _fed(fit="crop")),
    "projection swapped": Sabotage(WORSE, (made.projection(made.swapped),)),
    "half of the projection negated": Sabotage(WORSE, (made.projection(half_negated),)),
    "one bit a weight": Sabotage(WORSE, (quantised(1),)),
    "two bits a weight": Sabotage(WORSE, (quantised(2),)),
    "another vector each time": Sabotage(_for("same again"), (made.ending(restless),)),
    "three times unit length": Sabotage(_for("vectors"), (made.ending(made.tripled),)),
    "half of unit length": Sabotage(_for("vectors"), (made.ending(halved),)),
    "slow": Sabotage(_for("latency"), (made.ending(made.slowed),)),
    "twice as large": Sabotage(_for("size"), (made.padded,)),
    "another model's file": Sabotage(_for("file"), (LITTLE,), after=anothers),
    "weights in another file": Sabotage(_for("file"), (LITTLE,), after=elsewhere),
    "half the dimensions": Sabotage(_for("file", "same again"), (narrower,)),
    "an output that it has not": Sabotage(_for("file"), (LITTLE,), {"output": "nothing"}),
    "a floor that hides all": Sabotage(_for("thresholds"), (LITTLE,), _thresholds(floor=0.99)),
    "all are duplicates": Sabotage(_for("thresholds"), (LITTLE,), _thresholds(duplicate=0.2)),
}
