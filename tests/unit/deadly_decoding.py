"""What decoders under test decode by: images that say themselves what they do to whoever decodes them."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import time
from pathlib import Path

import numpy as np

from model.preprocess import DecodedImage, Preprocess
from schemas.errors import Undecodable
from schemas.rendition_recipe import RenditionRecipe

HERE = "tests.unit.deadly_decoding:decode"
BROKEN = Path("this-machine-is-broken")
"""While it stands in a decoder's folder, everything kills it."""

LEAKED: list[bytearray] = []


def decode(preprocess: Preprocess, data: bytes, recipe: RenditionRecipe | None) -> DecodedImage:
    """Do as the image says, `word` or `word argument`; whatever begins otherwise is a photograph."""
    if BROKEN.exists():
        os.abort()
    word, _, argument = data.partition(b" ")
    act = getattr(Deeds, word.decode(errors="replace"), None) if word.isalpha() else None
    if act is None:
        return preprocess.decode_and_reduce(data, recipe)
    act(argument)
    return DecodedImage(np.full((3, preprocess.size, preprocess.size), 7, np.uint8))


class Deeds:
    """By the word that an image begins with."""

    @staticmethod
    def good(_argument: bytes) -> None:
        """Nothing."""

    @staticmethod
    def abort(_argument: bytes) -> None:
        os.abort()

    @staticmethod
    def segfault(_argument: bytes) -> None:
        ctypes.string_at(0)

    @staticmethod
    def kill(_argument: bytes) -> None:
        """As the kernel does when memory is short."""
        os.kill(os.getpid(), signal.SIGKILL)

    @staticmethod
    def leave(argument: bytes) -> None:
        os._exit(int(argument))

    @staticmethod
    def eat(_argument: bytes) -> None:
        eaten = []
        while True:
            eaten.append(bytearray(2**24))

    @staticmethod
    def bloat(_argument: bytes) -> None:
        """Leak a quarter of a gigabyte."""
        LEAKED.append(bytearray(2**28))

    @staticmethod
    def spin(_argument: bytes) -> None:
        while True:
            pass

    @staticmethod
    def sleep(argument: bytes) -> None:
        time.sleep(float(argument))

    @staticmethod
    def work(argument: bytes) -> None:
        """Use so many seconds of CPU."""
        until = time.process_time() + float(argument)
        while time.process_time() < until:
            pass

    @staticmethod
    def garble(_argument: bytes) -> None:
        os.write(0, b"\xff" * 64)
        time.sleep(3600)

    @staticmethod
    def hide(_argument: bytes) -> None:
        """Close the socket, and live on."""
        os.close(0)
        time.sleep(3600)

    @staticmethod
    def once(argument: bytes) -> None:
        """Die the first time only: the file is the memory of it."""
        try:
            Path(os.fsdecode(argument)).touch(exist_ok=False)
        except FileExistsError:
            return
        os.abort()

    @staticmethod
    def ruin(_argument: bytes) -> None:
        """Break the machine, and die of it."""
        BROKEN.touch()
        os.abort()

    @staticmethod
    def ruinlate(argument: bytes) -> None:
        """Die four times, and break the machine with the last."""
        if Path(os.fsdecode(argument)).read_bytes().count(b"begins") == 4:
            BROKEN.touch()
        os.abort()

    @staticmethod
    def raises(_argument: bytes) -> None:
        raise KeyError("unheard of")

    @staticmethod
    def tell(argument: bytes) -> None:
        """Write down that it begins, do what comes behind the file's name, and write down that it ended."""
        path, _, deed = argument.partition(b" ")
        with Path(os.fsdecode(path)).open("ab", buffering=0) as journal:
            journal.write(b"begins " + deed + b"\n")
            word, _, rest = deed.partition(b" ")
            getattr(Deeds, word.decode())(rest)
            journal.write(b"ends " + deed + b"\n")

    @staticmethod
    def reveal(_argument: bytes) -> None:
        """Say what this process has been given."""
        links = {link.name: link for link in Path("/proc/self/fd").iterdir()}
        given = {
            "names": sorted(os.environ),
            "files": {name: str(link.readlink()) for name, link in links.items() if link.is_symlink()},
            "oom_score_adj": int(Path("/proc/self/oom_score_adj").read_text(encoding="ascii")),
            "session": os.getsid(0),
        }
        raise Undecodable(json.dumps(given))
