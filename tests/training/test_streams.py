"""Windows cut from streams: where the sound goes, the target goes."""

import torch
from torch import Tensor

from sayso.training.augment import SAMPLE_RATE, Batch, build

T = SAMPLE_RATE
LABELS = ("go", "stop", "_silence_", "_unknown_")
GO, STOP, SILENCE, UNKNOWN = torch.eye(4)


def word(begin_s: float, end_s: float, level: float = 0.1) -> Tensor:
    """A second `(T,)` that sounds between two times alone."""
    clip = torch.zeros(T)
    clip[round(begin_s * T) : round(end_s * T)] = level
    return clip


def cut(clips: list[Tensor], targets: list[Tensor], seed: int = 0, **options: float) -> Batch:
    chain = build([{"step": "stream", **options}], None, LABELS)
    batch = Batch(torch.stack(clips), torch.stack(targets))
    return chain.waveforms(batch, torch.Generator().manual_seed(seed))


def test_a_word_stays_one_while_it_is_whole_and_is_none_when_it_is_cut() -> None:
    clips = 400
    drawn = cut([word(0.4, 0.6)] * clips, [GO] * clips, move_ms=700, neighbour_probability=0)

    heard = (drawn.waveforms != 0).sum(1) / (0.2 * T)  # the share of the word
    whole, cut_off, gone = heard > 0.91, (heard < 0.49) & (heard > 0.02), heard == 0
    assert min(whole.sum(), cut_off.sum(), gone.sum()) > 10
    assert (drawn.targets[whole] == GO).all()
    assert (drawn.targets[cut_off] == UNKNOWN).all()
    assert (drawn.targets[gone] == SILENCE).all()
    assert torch.allclose(drawn.targets.sum(1), torch.ones(clips))


def test_moves_reach_both_ways_and_no_further_than_they_may() -> None:
    clips = 400
    drawn = cut([word(0.5, 0.501)] * clips, [GO] * clips, move_ms=300, neighbour_probability=0)

    places = drawn.waveforms.argmax(1) / T - 0.5
    assert places.abs().max() <= 0.301
    assert places.min() < -0.28
    assert places.max() > 0.28
    assert abs(float(places.mean())) < 0.03


def shares(waveforms: Tensor) -> Tensor:
    """How much of a word of 0.2 s is heard `(B, 2)`: of the soft one, of the loud one."""
    return torch.stack([(waveforms == level).sum(1) / (0.2 * T) for level in (0.1, 0.2)], 1)


def test_two_whole_words_count_alike() -> None:
    clips = [word(0.7, 0.9, level=0.1), word(0.1, 0.3, level=0.2)] * 200
    drawn = cut(clips, [GO, STOP] * 200, move_ms=600, neighbour_probability=1)

    both = ((shares(drawn.waveforms) - 1).abs() < 0.05).all(1)
    assert both.sum() > 10
    assert torch.allclose(drawn.targets[both], (GO + STOP) / 2)


def test_only_the_word_that_comes_in_counts_where_the_own_one_is_gone() -> None:
    clips = [word(0.7, 0.9, level=0.1), word(0.7, 0.9, level=0.2)] * 200
    drawn = cut(clips, [GO, STOP] * 200, move_ms=600, neighbour_probability=1)

    heard = shares(drawn.waveforms)[::2]
    other = (heard[:, 0] == 0) & ((heard[:, 1] - 1).abs() < 0.05)
    assert other.sum() > 10
    assert (drawn.targets[::2][other] == STOP).all()


def test_silence_stays_where_it_is_and_makes_no_word_of_its_neighbour() -> None:
    clips = [word(0.3, 0.7), torch.full((T,), 0.01)] * 200
    drawn = cut(clips, [GO, SILENCE] * 200, move_ms=300, neighbour_probability=1)

    assert torch.equal(drawn.waveforms[1::2], torch.stack(clips[1::2]))
    assert (drawn.targets[1::2] == SILENCE).all()
    assert (drawn.targets[::2, 2] == 0).all()  # a word, or a part of one, is no silence


def test_without_such_labels_what_is_no_word_is_any_of_them_alike() -> None:
    chain = build([{"step": "stream", "move_ms": 1000, "neighbour_probability": 0}], None, ("a", "b"))
    batch = Batch(word(0.4, 0.6).repeat(100, 1), torch.eye(2)[[0]].repeat(100, 1))
    drawn = chain.waveforms(batch, torch.Generator().manual_seed(0))

    gone = (drawn.waveforms == 0).all(1)
    assert gone.any()
    assert (drawn.targets[gone] == 0.5).all()
