"""The networks that can be trained, by name, and what training must know of them.

A backbone is a network without its head: the part that is learned from other people's photographs and
kept. `create` gives a network; `head`, `stages` and `features` say where its parts are, the same way for
all of them.
"""

from __future__ import annotations

from model.networks.backbone import Backbone
from model.networks.create import create
from model.networks.parts import features, head, stages
from model.networks.zoo import describe

__all__ = ["Backbone", "create", "describe", "features", "head", "stages"]
