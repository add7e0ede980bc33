"""Model: networks, decoding, serving and policy; and their making: data, training, evaluation, registry."""
