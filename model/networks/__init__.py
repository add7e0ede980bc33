"""Networks: the architectures, and the zoo of backbones with one face, `backbones`."""
