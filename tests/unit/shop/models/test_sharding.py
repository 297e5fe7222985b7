from __future__ import annotations

import itertools

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shop.gateway.domain.merging import merge
from shop.models.personalisation.evaluation import top
from shop.models.personalisation.graphs import TOP, item_matrix, personalisation_onnx
from shop.models.personalisation.sharding import bounds, shard

RNG = np.random.default_rng(7)


def session(onnx: bytes) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(onnx, options)


@given(
    scores=arrays(np.float32, st.tuples(st.integers(1, 3), st.integers(1, 40)), elements=st.sampled_from([0, 1, 2, 3])),
    cuts=st.sets(st.integers(1, 39)),
    k=st.integers(1, 12),
)
def test_the_merge_of_any_slices_is_the_best_of_the_whole_ties_included(
    scores: np.ndarray[tuple[int, int], np.dtype[np.float32]], cuts: set[int], k: int
) -> None:
    limits = [0, *sorted(cut for cut in cuts if cut < scores.shape[1]), scores.shape[1]]
    parts = []
    for low, high in itertools.pairwise(limits):
        best = top(scores[:, low:high], k)
        parts.append(((best + low).astype(np.int32), np.take_along_axis(scores[:, low:high], best, 1)))
    items, values = merge(parts, k)
    whole = top(scores, k)
    np.testing.assert_array_equal(items, whole)
    np.testing.assert_array_equal(values, np.take_along_axis(scores, whole, 1))


@pytest.mark.parametrize("shards", [1, 2, 3, 5])
@pytest.mark.parametrize("rows", [1, 7])
def test_sharded_models_answer_as_one_bit_for_bit(shards: int, rows: int) -> None:
    items = RNG.normal(size=(1_000, 64)).astype(np.float32)
    items[500:] = items[:500]  # every score comes twice
    onnx = personalisation_onnx(items)
    users = RNG.normal(size=(rows, 64)).astype(np.float32)
    whole = session(onnx).run(["items", "scores"], {"user": users})
    parts = [session(each).run(["items", "scores"], {"user": users}) for each in shard(onnx, shards)]
    merged = merge([(part[0], part[1]) for part in parts], TOP)
    np.testing.assert_array_equal(merged[0], whole[0])
    np.testing.assert_array_equal(merged[1], whole[1])


def test_the_graph_holds_the_items_it_was_made_of() -> None:
    items = RNG.normal(size=(130, 64)).astype(np.float32)
    np.testing.assert_array_equal(item_matrix(personalisation_onnx(items)), items)
    slices = [item_matrix(each) for each in shard(personalisation_onnx(items), 3)]
    np.testing.assert_array_equal(np.concatenate(slices), items)


def test_a_small_shard_gives_all_it_has() -> None:
    items, scores = session(personalisation_onnx(np.eye(3, 64, dtype=np.float32), first=40)).run(
        None, {"user": np.ones((2, 64), np.float32)}
    )
    assert items.tolist() == [[40, 41, 42]] * 2
    assert (items.dtype, scores.dtype) == (np.int32, np.float32)


def test_slices_are_blocks_of_64_and_cover_the_catalogue() -> None:
    assert bounds(20_000, 3) == [0, 6656, 13312, 20000]
    with pytest.raises(ValueError, match=r"^shards 3: expected 1 to 2 for 100 items$"):
        bounds(100, 3)
