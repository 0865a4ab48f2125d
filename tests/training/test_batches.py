"""Batches depend on the seed and the step, not on when or in which thread they are made."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from sayso.training.augment import build
from sayso.training.batches import Batches
from sayso.training.cache import WINDOW_SAMPLES, ClipSet
from sayso.training.dataset import Clip
from sayso.training.distributed import Team

WORDS = ("no", "yes")


def batches(cores: int, monkeypatch: pytest.MonkeyPatch) -> Batches:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    samples = np.random.default_rng(1).integers(-9_000, 9_000, (100, WINDOW_SAMPLES), np.int16)
    clips = tuple(
        Clip(Path(f"{index}.wav"), WORDS[index % 2], str(index), "training") for index in range(100)
    )
    places = np.stack([np.zeros(100, np.int64), np.arange(100)], axis=1)
    augment = build(({"step": "shift"}, {"step": "noise"}, {"step": "mixup"}), None)
    return Batches(ClipSet(clips, (samples,), places), WORDS, augment, 40, 3, Team())


def test_a_batch_made_ahead_is_the_batch_of_its_step(monkeypatch: pytest.MonkeyPatch) -> None:
    ahead, in_turn = batches(64, monkeypatch), batches(1, monkeypatch)
    assert ahead.maker is not None
    assert in_turn.maker is None
    for step in (0, 1, 2, 3, 7, 8, 2):  # over the ends of epochs, on from a checkpoint, and back
        one, other = ahead.take(step), in_turn.take(step)
        assert torch.equal(one.waveforms, other.waveforms)
        assert torch.equal(one.targets, other.targets)


def test_every_clip_comes_once_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    made = batches(1, monkeypatch)
    made.make(2)
    first = made.order.copy()
    made.make(4)
    assert sorted(first) == sorted(made.order) == list(range(100))
    assert not np.array_equal(first, made.order)
