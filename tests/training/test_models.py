"""Every network, by name: what all must do, and the sizes their papers give."""

from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from sayso.errors import RecipeError
from sayso.training.export import to_onnx
from sayso.training.models import Network, create, names, parameter_count
from sayso.training.models.mnet import MNET


def build(name: str, labels: int = 12, **options: Any) -> Network:
    """The network with the front end of its kind, the same weights each time."""
    torch.manual_seed(0)
    return create(name, labels, frontend="raw" if name in MNET else "log_mel", **options)


def waveforms(count: int, name: str) -> Tensor:
    """Tones in noise, so that there is something to tell apart.

    They are short because the export of a recurrent network takes time with every frame, but not shorter than
    the pools of the M-networks need.
    """
    samples = 8_000 if name in MNET else 4_000
    noise = torch.randn(count, samples, generator=torch.Generator().manual_seed(1))
    tones = torch.sin(torch.arange(samples) * torch.linspace(0.05, 2, count)[:, None])
    return 0.02 * noise + 0.2 * tones


@pytest.mark.parametrize("labels", [12, 35])
@pytest.mark.parametrize("name", names())
def test_it_gives_logits_and_an_embedding_and_the_same_ones_again(name: str, labels: int) -> None:
    network = build(name, labels).eval()

    with torch.no_grad():
        logits, embedding = network(waveforms(3, name))
        again, _ = network(waveforms(3, name))

    assert logits.shape == (3, labels)
    assert embedding.shape == (3, network.body.features)
    assert logits.isfinite().all()
    assert torch.equal(logits, again)


def test_what_the_head_of_res1d_does_not_read_comes_last_and_its_whole_head_answers_the_same() -> None:
    network = build("res1d").eval()
    with torch.no_grad():
        logits, embedding = network(waveforms(3, "res1d"))
        again, whole = network.with_whole_head()(waveforms(3, "res1d"))
    read = network.head.in_features
    assert read < embedding.shape[1] == network.with_whole_head().head.in_features
    assert embedding[:, read:].std(0).mean() > 0.01
    torch.testing.assert_close(network.head(embedding[:, :read]), logits)
    torch.testing.assert_close(again, logits)
    assert torch.equal(whole, embedding)


@pytest.mark.parametrize("name", names())
def test_a_step_of_training_lowers_the_loss_and_reaches_every_weight(name: str) -> None:
    network = build(name).train()
    targets = torch.arange(8) % 4
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)

    before = loss(network, waveforms(8, name), targets)
    before.backward()
    gradients = {key: weight.grad for key, weight in network.named_parameters()}
    optimizer.step()

    assert loss(network, waveforms(8, name), targets) < before
    assert [key for key, gradient in gradients.items() if gradient is None] == []
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients.values())


@pytest.mark.parametrize("name", names())
def test_it_exports_and_scores_as_in_torch(name: str) -> None:
    network = build(name).eval()

    session = onnxruntime.InferenceSession(to_onnx(network, waveforms(2, name).numpy()))

    assert [value.name for value in session.get_inputs()] == ["waveform"]
    assert [value.name for value in session.get_outputs()] == ["logits", "embedding"]
    for count in (1, 5):
        found = session.run(None, {"waveform": waveforms(count, name).numpy()})
        with torch.no_grad():
            expected = network(waveforms(count, name))
        for mine, theirs in zip(found, expected, strict=True):
            scale = max(1.0, float(theirs.abs().max()))
            np.testing.assert_allclose(mine, theirs, atol=1e-4 * scale)


HELLO_EDGE = {"coefficients": 10, "window_seconds": 0.040, "hop_seconds": 0.020}
SMALL_CRNN = {"filters": 48, "hidden": 60, "embedding": 84}
MFCC_64 = {"coefficients": 64, "window_seconds": 0.025}


@pytest.mark.parametrize(
    ("name", "options", "labels", "frontend", "frontend_options", "published"),
    [
        # Choi et al. 2019, Table 3: 66K, 145K, 137K and 305K.
        ("tc_resnet8", {}, 12, "mfcc", {}, 66_000),
        ("tc_resnet8", {"width": 1.5}, 12, "mfcc", {}, 145_000),
        ("tc_resnet14", {}, 12, "mfcc", {}, 137_000),
        ("tc_resnet14", {"width": 1.5}, 12, "mfcc", {}, 305_000),
        # Majumdar and Ginsburg 2020, Table 2, for the 30 words of v0.01: 77K and 93K.
        ("matchboxnet_3x1x64", {}, 30, "mfcc", MFCC_64, 77_000),
        ("matchboxnet_3x2x64", {}, 30, "mfcc", MFCC_64, 93_000),
        # Kim et al. 2021, Table 2: 9.2k, 27.3k, 54.2k and 321k.
        ("bc_resnet_1", {}, 12, "log_mel", {}, 9_200),
        ("bc_resnet_2", {}, 12, "log_mel", {}, 27_300),
        ("bc_resnet_3", {}, 12, "log_mel", {}, 54_200),
        ("bc_resnet_8", {}, 12, "log_mel", {}, 321_000),
        # Zhang et al. 2017 count 8-bit weights and activations together: Basic LSTM 63.3, 196.5 and 494.5 KB,
        # GRU 78.8, 200.0 and 499.7 KB, CRNN 79.7 and 199.8 KB. The activations are the 49 x 10 features
        # (small GRU: 25 x 10) and the gates, or the output of the CRNN's convolution. torch has two biases a
        # gate where the paper has one, which is 0.1 to 0.8 % more.
        ("lstm", {"hidden": 118}, 12, "mfcc", HELLO_EDGE, 63_300 - 490 - 4 * 118),
        ("lstm", {}, 12, "mfcc", HELLO_EDGE, 196_500 - 490 - 4 * 214),
        ("lstm", {"hidden": 344}, 12, "mfcc", HELLO_EDGE, 494_500 - 490 - 4 * 344),
        ("gru", {"hidden": 154}, 12, "mfcc", HELLO_EDGE, 78_800 - 250 - 3 * 154),
        ("gru", {}, 12, "mfcc", HELLO_EDGE, 200_000 - 490 - 3 * 250),
        ("gru", {"hidden": 400}, 12, "mfcc", HELLO_EDGE, 499_700 - 490 - 3 * 400),
        ("crnn", SMALL_CRNN, 12, "mfcc", HELLO_EDGE, 79_700 - 490 - 48 * 80),
        ("crnn", {}, 12, "mfcc", HELLO_EDGE, 199_800 - 490 - 128 * 80),
        # de Andrade et al. 2018, abstract: 202K.
        ("att_rnn", {}, 21, "log_mel", {"bands": 80}, 202_000),
        # torchaudio's tutorial, for 35 words.
        ("m5_narrow", {}, 35, "raw", {"sample_rate": 8000}, 26_915),
    ],
)
def test_it_has_as_many_parameters_as_published(
    name: str,
    options: dict[str, Any],
    labels: int,
    frontend: str,
    frontend_options: dict[str, Any],
    published: int,
) -> None:
    network = create(name, labels, frontend=frontend, frontend_options=frontend_options, **options)

    assert parameter_count(network) == pytest.approx(published, rel=0.02)


@pytest.mark.parametrize(
    ("name", "millions"), [("m3", 0.2), ("m5", 0.5), ("m11", 1.8), ("m18", 3.7), ("m34_res", 4.0)]
)
def test_an_m_network_has_the_size_of_its_paper(name: str, millions: float) -> None:
    # Dai et al. 2017, Table 1, rounded there to a tenth of a million.
    assert parameter_count(build(name, labels=10)) / 1e6 == pytest.approx(millions, abs=0.06)


@pytest.mark.parametrize("name", ["bc_resnet_1", "crnn", "att_rnn", "res1d", "tc_resnet8"])
@pytest.mark.parametrize(("frontend", "bands"), [("mfcc", 40), ("log_mel", 80), ("pcen", 40)])
def test_a_network_takes_every_front_end_of_its_kind(name: str, frontend: str, bands: int) -> None:
    size = {"coefficients" if frontend == "mfcc" else "bands": bands}

    logits, _ = create(name, 12, frontend=frontend, frontend_options=size)(waveforms(2, name))

    assert logits.shape == (2, 12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "m6"}, "There is no network 'm6'"),
        ({"name": "m5", "frontend": "cochlea"}, "There is no front end 'cochlea'"),
        ({"name": "bc_resnet_1", "frontend": "raw"}, "bc_resnet_1 cannot read the front end raw"),
        ({"name": "m5", "frontend": "log_mel"}, "m5 cannot read the front end log_mel: choose from raw"),
        (
            {"name": "bc_resnet_1", "frontend": "log_mel", "frontend_options": {"bands": 64}},
            "A BC-ResNet reads 40 or 80 bands",
        ),
        ({"name": "res1d", "frontend": "log_mel", "depth": 3}, "no such option"),
        ({"name": "res1d", "frontend": "log_mel", "width": 64, "group_width": 7}, "whole groups"),
        ({"name": "m5", "frontend_options": {"bands": 64}}, "no such option"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        create(**arguments, labels=12)


def loss(network: nn.Module, batch: Tensor, targets: Tensor) -> Tensor:
    torch.manual_seed(0)  # the same dropout each time
    logits, _ = network(batch)
    return nn.functional.cross_entropy(logits, targets)
