"""The recipe that the options of a command mean."""

from __future__ import annotations

from model.training.recipe import Recipe
from tagstream.commands import options


def test_from_nothing_every_layer_learns_as_fast_as_the_head() -> None:
    recipe = options.recipe(Recipe(head_rate=3e-3), weights="none")
    assert (recipe.body_rate, recipe.layer_decay, recipe.norms, recipe.blends) == (3e-3, 1.0, "learned", ())


def test_from_weights_the_first_layers_learn_slowest_and_the_norms_stay() -> None:
    for weights in ("hub", "backbone.safetensors"):
        assert options.recipe(Recipe(), weights=weights) == Recipe()


def test_rates_that_were_typed_outrank_those_that_follow_from_the_weights() -> None:
    recipe = options.recipe(Recipe(), weights="none", rate=1e-4, layer_decay=0.5)
    assert (recipe.body_rate, recipe.layer_decay, recipe.norms) == (1e-4, 0.5, "learned")
    assert options.recipe(Recipe(), weights="hub", rate=0.0).body_rate == 0.0
