from pathlib import Path

import pytest

from sayso.errors import RecipeError
from sayso.training.models import create
from sayso.training.recipe import Recipe

RECIPES = sorted(Path("recipes").rglob("*.toml"))
SMALL = 'name = "x"\n[network]\nname = "m5"\n[training]\nepochs = 3\n'


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_can_be_trained(path: Path) -> None:
    recipe = Recipe.read(path)
    assert recipe.name == path.stem
    network = recipe.network
    create(
        network.name,
        35,
        frontend=network.frontend,
        frontend_options=network.frontend_options,
        **network.options,
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('epochs = "3"', "recipe.training.epochs"),
        ("epochs = 0", "at least one epoch"),
        ("epochs = 3\nepoch = 4", "no entry 'epoch'"),
        ('epochs = 3\noptimizer = "adagrad"', "adam, adamw, sgd"),
        ("", "lacks the entry 'epochs'"),
        ("epochs = 3\nema_decay = 1.5", "ema_decay"),
    ],
)
def test_a_slip_of_the_pen_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(SMALL.replace("epochs = 3", text))
    with pytest.raises(RecipeError, match=said):
        Recipe.read(path)


@pytest.mark.parametrize("content", [None, b"= nonsense", b"\xff\xfe"])
def test_what_is_no_recipe_is_said(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "recipe.toml").write_bytes(content)
    with pytest.raises(RecipeError, match="recipe"):
        Recipe.read(tmp_path / "recipe.toml")


def test_values_and_back(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(SMALL + '[[augment]]\nstep = "gain"\n')
    recipe = Recipe.read(path)
    again = Recipe.from_values(recipe.to_values())
    assert again == recipe
    assert again.digest() == recipe.digest()


def test_notes_are_no_part_of_the_digest(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(SMALL)
    plain = Recipe.read(path)
    path.write_text('notes = "12 minutes"\n' + SMALL)
    assert Recipe.read(path).digest() == plain.digest()
    assert plain.with_epochs(4).digest() != plain.digest()
