"""What a run starts from: a larger network begins by saying what the small one said."""

from pathlib import Path
from typing import Any

import pytest
import torch

from sayso.errors import RunError
from sayso.training import starting
from sayso.training.models import Network
from sayso.training.recipe import Recipe
from sayso.training.run import Run, build
from sayso.training.starting import copy_weights

WORDS = ("no", "yes")
EXCITED = {"excitation": True}


def recipe(name: str, **options: Any) -> Recipe:
    network = {"name": name, "frontend": "log_mel", "options": options}
    return Recipe.from_values({"name": name, "network": network, "training": {"epochs": 1}})


def trained(folder: Path, wanted: Recipe) -> tuple[Run, Network]:
    """A run whose weights are drawn, the statistics of its normalisations too."""
    torch.manual_seed(1)
    network = build(wanted, len(WORDS)).eval()
    for name, value in network.state_dict().items():
        if name.endswith("running_mean"):
            value.uniform_(-0.5, 0.1)
        elif name.endswith("running_var"):
            value.uniform_(0.1, 0.3)
    run = Run.start(folder, wanted)
    run.save("best", {"words": list(WORDS), "judged": network.state_dict()})
    return run, network


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("res1d", {"width": 32, "group_width": 32}, {"width": 96, "group_width": 96}),
        ("res1d", {"width": 32, **EXCITED, "group_width": 32}, {"width": 64, **EXCITED, "group_width": 64}),
        ("res1d", {"blocks": 3, "halving": False}, {"blocks": 5, "halving": False}),
        ("tc_resnet8", {}, {"width": 2}),
        ("matchboxnet_3x1x64", {"channels": 32}, {"channels": 64}),
        ("gru", {"hidden": 20}, {"hidden": 40}),
        ("lstm", {"hidden": 20, "layers": 2}, {"hidden": 60, "layers": 2}),
    ],
)
def test_a_larger_network_begins_by_saying_what_the_small_one_said(
    name: str, before: dict[str, Any], after: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, small = trained(tmp_path / "run", recipe(name, **before))
    large = build(recipe(name, **after), len(WORDS)).eval()
    waveforms = torch.randn(4, 16_000) / 10

    copy_weights([run], large, WORDS)
    stirred = large(waveforms)[0]
    monkeypatch.setattr(starting, "_STIR", 0.0)
    copy_weights([run], large, WORDS[::-1])
    torch.testing.assert_close(large(waveforms)[0][:, [1, 0]], small(waveforms)[0], atol=1e-4, rtol=1e-4)
    if "blocks" not in before:  # copies of a channel differ a little, or they would stay copies
        assert not torch.allclose(stirred, small(waveforms)[0], atol=1e-6)


def test_channels_in_other_groups_are_not_copied(tmp_path: Path) -> None:
    """A channel's copies would read other channels than it did."""
    run, _ = trained(tmp_path / "run", recipe("res1d", width=32, group_width=16))
    large = build(recipe("res1d", width=64, group_width=16), len(WORDS))
    fresh = {name: weight.clone() for name, weight in large.state_dict().items()}
    copy_weights([run], large, WORDS)
    kept = {
        name
        for name, weight in large.named_parameters()
        if weight.dim() > 1 and torch.equal(weight, fresh[name])
    }
    assert kept == {name for name in fresh if name.endswith("layers.0.weight")}


def test_another_network_is_no_beginning(tmp_path: Path) -> None:
    run, _ = trained(tmp_path / "run", recipe("res1d", width=32))
    with pytest.raises(RunError, match="another network"):
        copy_weights([run], build(recipe("tc_resnet8"), len(WORDS)), WORDS)


def test_a_circle_of_beginnings_is_told(tmp_path: Path) -> None:
    """Nothing but a file edited by hand, or a link set anew, makes one."""
    wanted = recipe("tc_resnet8").to_values()
    for name, start in (("first", "second"), ("second", "first")):
        wanted["training"]["start"] = str(tmp_path / start)
        Run.start(tmp_path / name, Recipe.from_values(wanted)).log({"epoch": 1, "seconds": 60.0})
    with pytest.raises(RunError, match="started from it"):
        Run.open(tmp_path / "first").seconds()
