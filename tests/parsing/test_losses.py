"""The losses against slow twins, and what they say about simple cases."""

import math

import numpy as np
import pytest
import torch

from occlib.data.sample import OCCLUDER
from occlib.parsing.losses import CLASS_WEIGHTS, SMOOTH, border_weights, dice_loss, parse_loss, parser_losses
from occlib.parsing.network import probabilities

WEIGHTS = {"parse": 1.0, "dice": 1.0, "region": 1.0, "mask": 1.0}


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 8, 9, 7, generator=generator)
    labels = torch.randint(0, 7, (2, 9, 7), generator=generator)
    return logits, labels, (labels > 0).float()[:, None]


def test_border_weights_equal_a_loop(batch):
    labels = batch[1]
    labels[:, :6, :5] = 1
    found = border_weights(labels, border=3.0, radius=1)
    for n, row, column in np.ndindex(*labels.shape):
        around = labels[n, max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
        assert found[n, row, column] == (4 if len(around.unique()) > 1 else 1)


def test_the_parse_loss_equals_a_loop(batch):
    logits, labels, _ = batch
    logits = logits[:, :7]
    weights, total = border_weights(labels, 2.0), 0.0
    for n, row, column in np.ndindex(*labels.shape):
        z, label = logits[n, :, row, column].double(), labels[n, row, column]
        entropy = math.log(sum(math.exp(x) for x in z)) - float(z[label])
        total += CLASS_WEIGHTS[label] * float(weights[n, row, column]) * entropy
    assert float(parse_loss(logits, labels, 2.0)) == pytest.approx(total / labels.numel(), rel=1e-5)


def test_dice_equals_a_loop(batch):
    predicted, truth = batch[0][:, :3].sigmoid(), (batch[0][:, 3:6] > 0).float()
    total = 0.0
    for p, t in zip(predicted.flatten(0, 1), truth.flatten(0, 1), strict=True):
        total += 1 - (2 * float((p * t).sum()) + SMOOTH) / (float(p.sum() + t.sum()) + SMOOTH)
    assert float(dice_loss(predicted, truth)) == pytest.approx(total / 6, rel=1e-5)


def test_dice_counts_errors_relative_to_the_size_of_the_thing():
    chain, mask = torch.zeros(1, 1, 128, 128), torch.zeros(1, 1, 128, 128)
    chain[..., 20:22, :], mask[..., 60:, :] = 1, 1
    half_chain, half_mask = chain.clone(), mask.clone()
    half_chain[..., 64:], half_mask[..., 64:] = 0, 0
    assert dice_loss(half_chain, chain) > 0.9 * dice_loss(half_mask, mask) > 0.25
    assert dice_loss(0 * chain, 0 * chain) == 0 and dice_loss(chain, 0 * chain) > 0.9


def test_a_perfect_answer_costs_nothing_and_each_term_sees_its_own_error():
    labels = torch.ones(1, 32, 32, dtype=torch.long)
    labels[:, :8], labels[:, 8:16, :16], labels[:, 20:24, 10:14] = 0, OCCLUDER, 3
    region = (labels > 0).float()[:, None]
    perfect = torch.full((1, 8, 32, 32), -20.0)
    perfect.scatter_(1, labels[:, None], 20.0)
    perfect[:, 7:] = 40 * region - 20
    terms = parser_losses(perfect, labels, region, 2.0, WEIGHTS)
    assert all(float(term) < 1e-4 for term in terms.values())
    no_region = perfect.clone()
    no_region[:, 7:] = -20
    wrong = parser_losses(no_region, labels, region, 2.0, WEIGHTS)
    assert wrong["region"] > 1 and wrong["mask"] > 0.5 and wrong["parse"] < 1e-4 and wrong["dice"] < 1e-4


def test_an_error_at_the_border_of_the_region_costs_more_than_one_inside():
    labels, region = torch.ones(1, 32, 32, dtype=torch.long), torch.zeros(1, 1, 32, 32)
    region[..., 8:24, 8:24] = 1
    costs = []
    for row in (8, 16):
        logits = torch.zeros(1, 8, 32, 32)
        logits[:, 7:] = 40 * region - 20
        logits[:, 7, row, 12:20] = -20
        costs.append(float(parser_losses(logits, labels, region, 2.0, WEIGHTS)["region"]))
    assert costs[0] == pytest.approx(3 * costs[1], rel=1e-4)


def test_terms_of_a_batch_are_means_over_its_images(batch):
    whole = parser_losses(*batch, 2.0, WEIGHTS)
    halves = [parser_losses(*(x[n : n + 1] for x in batch), 2.0, WEIGHTS) for n in range(2)]
    for name in whole:
        torch.testing.assert_close(whole[name], (halves[0][name] + halves[1][name]) / 2)


def test_the_mask_is_region_without_parts(batch):
    parts, region, mask = probabilities(batch[0])
    n, row, column = 1, 4, 3
    visible = sum(float(parts[n, part, row, column]) for part in range(1, 6))
    assert float(mask[n, 0, row, column]) == pytest.approx(
        float(region[n, 0, row, column]) * (1 - visible), rel=1e-4
    )
    assert mask.min() >= 0 and mask.max() <= 1
