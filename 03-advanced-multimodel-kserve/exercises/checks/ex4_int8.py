"""What exercise 4 must do; the last check asks ONNX Runtime for the same layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from course.exercises import expect, expect_equal, load

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

HALF_A_STEP, CLOSE = 0.501, 0.1


def weights() -> NDArray[np.float32]:
    """Outputs of very different sizes, one of them with nothing but zeros."""
    weight = np.random.default_rng(7).normal(size=(64, 5)) * np.array([0.01, 1, 30, 0.3, 0])
    return np.asarray(weight, np.float32)


def batch() -> NDArray[np.float32]:
    return np.random.default_rng(8).normal(size=(100, 64)).astype(np.float32)


def check_a_weight_becomes_a_step_and_an_integer(answer: Path) -> None:
    integers, steps = load(answer).quantise(np.array([[1.27, -2.54], [-0.5, 1.0]], np.float32))
    expect_equal("the integers", integers.tolist(), [[127, -127], [-50, 50]])
    expect_equal("the steps", [round(float(each), 6) for each in steps], [0.01, 0.02])
    expect_equal("their types", (str(integers.dtype), str(steps.dtype)), ("int8", "float32"))


def check_each_output_has_a_step_of_its_own(answer: Path) -> None:
    weight = weights()
    integers, steps = load(answer).quantise(weight)
    expect_equal("the shape of the steps", steps.shape, (5,))
    off = np.abs(integers * steps - weight).max(axis=0) / np.where(steps > 0, steps, 1)
    expect(
        bool((off <= HALF_A_STEP).all()), f"off by {off.max():.2f} steps of its output: expected half a step at most"
    )
    expect_equal(
        "the largest integer of each output", np.abs(integers.astype(int)).max(axis=0).tolist(), [127] * 4 + [0]
    )


def check_other_weights_are_quantised_by_the_same_rule(answer: Path) -> None:
    quantise, rng = load(answer).quantise, np.random.default_rng()
    for _ in range(10):
        inputs, outputs = rng.integers(1, 20, 2).tolist()
        weight = rng.normal(size=(inputs, outputs)).astype(np.float32)
        integers, steps = quantise(weight)
        largest = np.abs(weight).max(axis=0)
        expect(bool(np.allclose(steps * 127, largest)), f"the steps of {weight.tolist()}: expected {largest / 127}")
        off = np.abs(integers * steps - weight).max(axis=0) / steps
        expect(bool((off <= HALF_A_STEP).all()), f"off by {off.max():.2f} steps of its output: expected half a step")


def check_an_output_of_zeros_has_a_step_too(answer: Path) -> None:
    integers, steps = load(answer).quantise(np.zeros((3, 2), np.float32))
    expect_equal("the steps of zeros", steps.tolist(), [1.0, 1.0])
    expect_equal("the integers of zeros", integers.tolist(), [[0, 0]] * 3)


def check_halves_go_to_the_even_number(answer: Path) -> None:
    rows = np.array([[0.5, 1.5, 2.5, -2.5]], np.float32)
    expect_equal("0.5, 1.5, 2.5 and -2.5 in steps of 1", load(answer).activations(rows, 1.0).tolist(), [[0, 2, 2, -2]])


def check_what_does_not_fit_is_clipped(answer: Path) -> None:
    found = load(answer).activations(np.array([[1e6, -200.0, 127.4, 3.0]], np.float32), 1.0)
    expect_equal("1,000,000, -200, 127.4 and 3 in steps of 1", found.tolist(), [[127, -127, 127, 3]])
    expect_equal("their type", str(found.dtype), "int8")


def check_sums_have_room(answer: Path) -> None:
    integers = np.full((512, 1), 127, np.int8)
    found = load(answer).layer(np.ones((1, 512), np.float32), 1 / 127, integers, np.array([1 / 127], np.float32))
    expect(bool(np.isclose(found[0, 0], 512, rtol=1e-4)), f"the sum of 512 ones {float(found[0, 0]):g}: expected 512")


def check_the_layer_is_nearly_the_products(answer: Path) -> None:
    module, rows, weight = load(answer), batch(), weights()
    found = module.layer(rows, np.abs(rows).max() / 127, *module.quantise(weight))
    expect_equal("the shape and the type", (found.shape, str(found.dtype)), ((100, 5), "float32"))
    exact = rows @ weight
    spread = np.where(exact.std(axis=0) > 0, exact.std(axis=0), 1)
    off = float((np.abs(found - exact) / spread).max())
    expect(off < CLOSE, f"off by {off:.2f} standard deviations of the output: expected less than 0.1")


def pages(lost: float, count: int = 2_500) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """NDCG of each page before, 0.3 on average, and after: ``lost`` is lost on average, with a deviation of 0.05."""
    up_and_down = np.resize([-1.0, 1.0], count)
    before = 0.3 + 0.2 * np.resize([1.0, 1.0, -1.0, -1.0], count)
    return before, before - lost - 0.05 * up_and_down


def check_the_gate_wants_both(answer: Path) -> None:
    passes = load(answer).passes
    cases = {
        "as good and faster": (pages(0), [1.9, 2.0, 2.1], True),
        "a loss of 0.001 on 2,500 pages": (pages(0.001), [1.9, 2.0], True),
        "a loss of 0.002 on 2,500 pages": (pages(0.002), [1.9, 2.0], False),
        "a loss of 0.01": (pages(0.01), [1.9, 2.0], False),
        "better and no faster": (pages(-0.01), [0.98, 1.01], False),
        "faster in all rounds but one": (pages(0), [1.4, 1.5, 0.9], False),
        "a quality that is not a number": (pages(float("nan")), [1.9, 2.0], False),
    }
    for what, ((before, after), ratios, expected) in cases.items():
        expect_equal(what, bool(passes({"ndcg@10": before}, {"ndcg@10": after}, ratios)), expected)


def check_no_loss_on_a_few_pages_proves_nothing(answer: Path) -> None:
    passes = load(answer).passes
    for count in (100, 4, 1):
        before, after = pages(0, count)
        expect_equal(f"no loss on {count} pages", bool(passes({"m": before}, {"m": after}, [2.0, 2.0])), False)


def check_every_measure_counts(answer: Path) -> None:
    (before, good), (_, bad) = pages(0), pages(0.01)
    found = load(answer).passes({"ndcg@10": before, "mrr": before}, {"ndcg@10": good, "mrr": bad}, [2.0, 2.0])
    expect_equal("one measure of two lost too much", bool(found), False)


def check_it_is_what_onnx_runtime_computes(answer: Path) -> None:
    import onnxruntime as ort  # noqa: PLC0415 - only this check pays for the import
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415

    module, rows = load(answer), batch()
    integers, steps = module.quantise(weights())
    step = np.float32(np.abs(rows).max() / 127)
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["rows", "weight"], ["sums"])],
        "layer",
        [helper.make_tensor_value_info("rows", TensorProto.INT8, ["n", 64])],
        [helper.make_tensor_value_info("sums", TensorProto.INT32, ["n", 5])],
        [numpy_helper.from_array(integers, "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    (sums,) = session.run(None, {"rows": module.activations(rows, step)})
    found, expected = module.layer(rows, step, integers, steps), sums * (step * steps)
    expect(bool(np.allclose(found, expected, rtol=1e-5)), "the layer differs from ONNX Runtime's MatMulInteger")
