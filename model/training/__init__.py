"""How the network came to be: dataset, recipe, evaluation, publishing."""
