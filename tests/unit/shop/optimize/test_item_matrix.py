from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from shop.gateway.domain.merging import merge
from shop.models.personalisation.graphs import item_matrix, personalisation_onnx
from shop.models.personalisation.sharding import shard
from shop.optimize.calibration_set import CalibrationError
from shop.optimize.item_matrix import int8_reranked, int8_scores, tensorrt_scores
from shop.optimize.latency import run_of, session
from shop.optimize.layers import GraphError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Rows = NDArray[np.float32]
    Builder = Callable[[bytes, Rows], bytes]


FORMS = [int8_scores, int8_reranked, tensorrt_scores]


def answers(content: bytes, users: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    items, scores = run_of(session(content), users)()
    return np.asarray(items), np.asarray(scores)


def overlap(some: NDArray[Any], others: NDArray[Any]) -> float:
    return float(np.mean([len(set(one) & set(other)) / len(one) for one, other in zip(some, others, strict=True)]))


@pytest.mark.parametrize("form", FORMS)
def test_the_signature_stays_and_nearly_every_item_does(form: Builder, catalogue: bytes, users: Rows) -> None:
    items, scores = answers(form(catalogue, users[:200]), users[200:])
    expected, expected_scores = answers(catalogue, users[200:])
    assert items.dtype == np.int32
    assert scores.dtype == np.float32
    assert items.shape == scores.shape == (100, 100)
    assert overlap(items, expected) > 0.95
    assert np.abs(scores - expected_scores).max() < 0.05 * expected_scores.max()
    assert form(catalogue, users) == form(catalogue, users)


def test_re_ranking_gives_the_exact_list_with_the_exact_scores(catalogue: bytes, users: Rows) -> None:
    items, scores = answers(int8_reranked(catalogue, users), users)
    expected, expected_scores = answers(catalogue, users)
    assert (items == expected).mean() > 0.999  # what ties to the last digit may change places
    assert np.allclose(scores, expected_scores, atol=1e-5)


def test_scores_alone_are_a_fraction_of_the_size_and_re_ranking_keeps_the_floats(catalogue: bytes, users: Rows) -> None:
    assert len(int8_scores(catalogue, users)) < 0.5 * len(catalogue)
    assert len(int8_reranked(catalogue, users)) > len(catalogue)


@pytest.mark.parametrize("form", FORMS)
def test_a_shards_items_keep_their_ids(form: Builder, users: Rows) -> None:
    items = np.random.default_rng(1).normal(size=(200, 16)).astype(np.float32)
    found, _ = answers(form(personalisation_onnx(items, first=64), users), users)
    assert found.min() >= 64
    assert found.max() < 264


def test_shards_in_integers_merge_into_the_answer_of_the_whole(catalogue: bytes, users: Rows) -> None:
    parts = [answers(int8_reranked(part, users), users) for part in shard(catalogue, 3)]
    items, _ = merge(parts, 100)
    assert (items == answers(catalogue, users)[0]).mean() > 0.999


def test_a_catalogue_shorter_than_the_list_gives_all_it_has(users: Rows) -> None:
    items = np.random.default_rng(1).normal(size=(40, 16)).astype(np.float32)
    found, _ = answers(int8_reranked(personalisation_onnx(items), users), users[:5])
    assert [sorted(each) for each in found.tolist()] == [list(range(40))] * 5


def test_another_graph_is_refused(perceptron: bytes, rows: Rows) -> None:
    with pytest.raises(GraphError, match="expected MatMul and TopK over a constant matrix"):
        int8_scores(perceptron, rows)


def test_users_of_another_width_are_refused(catalogue: bytes, users: Rows) -> None:
    assert item_matrix(catalogue).shape == (900, 16)
    with pytest.raises(CalibrationError, match=r"expected \(n, 16\)"):
        int8_reranked(catalogue, users[:, :8])
