"""Error hierarchy: every error that is raised on purpose, cut by what the caller does about it.

TagstreamError
├── ConfigurationError         a setting is wrong: say which, exit 2
├── Rejected                   this one message or image can never succeed: dead letter, go on
│   ├── Malformed              the message is not an event we know
│   ├── UnreadableBatch        a batch of records that no codec of ours can unpack
│   ├── Expired                records that were deleted before anybody read them
│   ├── AheadOfClock           a time in it is ahead of the record's own by more than is tolerated
│   ├── NotAllowed             the event names a bucket that is not on the allow-list
│   ├── Gone                   the object is not there (deleted, or never was)
│   ├── Changed                the object is not the one that was meant
│   ├── TooLarge               more bytes than the cap
│   ├── Undecodable            not an image of an accepted format, or a damaged one
│   │   └── ForeignFormat      not an image of an accepted format
│   ├── TooManyPixels          a decompression bomb
│   ├── DeadlyImage            decoding it kills the process that does
│   ├── UnknownImage           a decision names an image that was never uploaded
│   └── Unforeseen             any other exception of a step that touches one image's content
├── KeepsFailing               one object fails while others succeed: retry topic, in the end parking
├── Unavailable                a dependency is away: wait, retry in place, acknowledge nothing
└── Broken                     the machine or the program is broken: exit non-zero, Kafka redelivers
    ├── DeviceBroken           the golden image fails too: it is the device, not the image
    ├── BatcherDead            the batching loop ended; every waiter gets this
    └── Stalled                work in flight and nothing finished within the limit

Anything outside this tree that escapes a step is treated as `Broken`, unless the step touches one
image's own content: then it becomes `Unforeseen`.
"""

from __future__ import annotations

import traceback
from enum import StrEnum
from typing import Final

EXIT_CONFIGURATION: Final = 2
"""The exit code for a wrong setting, whichever command found it."""

TRACE_LIMIT = 4_000
"""Characters of a stack trace kept in a dead letter; its end says the most."""


class Stage(StrEnum):
    """The steps of the straight path, in order."""

    MESSAGE = "message"
    FETCH = "fetch"
    DECODE = "decode"
    FORWARD = "forward"
    DECIDE = "decide"
    STORE = "store"
    ANNOUNCE = "announce"
    MARK = "mark"


class TagstreamError(Exception):
    """Base of every error raised on purpose. The docstring of a subclass is its default message."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or type(self).__name__).splitlines()[0])


class ConfigurationError(TagstreamError):
    """A setting is wrong."""


class Rejected(TagstreamError):
    """This message or image can never be scored."""

    code = "rejected"
    stage = Stage.MESSAGE


class Malformed(Rejected):
    """The message is no event that belongs on its topic."""

    code = "malformed"


class UnreadableBatch(Rejected):
    """Records that cannot be unpacked."""

    code = "unreadable"


class Expired(Rejected):
    """Records that were deleted before they were read."""

    code = "expired"


class AheadOfClock(Rejected):
    """A time in the message is ahead of the record's own."""

    code = "ahead_of_clock"


class NotAllowed(Rejected):
    """The bucket is not on the allow-list."""

    code = "not_allowed"
    stage = Stage.FETCH


class Gone(Rejected):
    """The object does not exist."""

    code = "gone"
    stage = Stage.FETCH


class Changed(Rejected):
    """Another content stands there than the one that was meant."""

    code = "changed"
    stage = Stage.FETCH


class TooLarge(Rejected):
    """The object has more bytes than the cap."""

    code = "too_large"
    stage = Stage.FETCH


class Undecodable(Rejected):
    """The bytes are not a whole image of an accepted format."""

    code = "undecodable"
    stage = Stage.DECODE


class ForeignFormat(Undecodable):
    """The bytes are no image of an accepted format."""


class TooManyPixels(Rejected):
    """The image has more pixels than the cap."""

    code = "too_many_pixels"
    stage = Stage.DECODE


class DeadlyImage(Rejected):
    """Decoding the image kills the process that does, again and again, while nothing else is decoded."""

    code = "deadly"
    stage = Stage.DECODE


class UnknownImage(Rejected):
    """No image of this id was ever uploaded."""

    code = "unknown_image"
    stage = Stage.STORE


class Unforeseen(Rejected):
    """An unforeseen exception in a step that touches one image's content."""

    code = "unforeseen"

    def __init__(self, message: str | None = None, *, stage: Stage = Stage.DECODE, trace: str = "") -> None:
        super().__init__(message)
        self.stage = stage
        self.trace = trace[-TRACE_LIMIT:]

    @classmethod
    def of(cls, error: BaseException, *, stage: Stage) -> Unforeseen:
        """`error` as a rejection of the image that caused it, with the end of its stack trace."""
        trace = "".join(traceback.format_exception(error))
        return cls(f"{type(error).__name__}: {error}", stage=stage, trace=trace)


class KeepsFailing(TagstreamError):
    """One object keeps failing while others of its dependency succeed: try it again later."""

    def __init__(self, dependency: str, message: str | None = None) -> None:
        super().__init__(message or f"{dependency} keeps refusing this one object")
        self.dependency = dependency


class Unavailable(TagstreamError):
    """A dependency is away or overloaded."""

    def __init__(self, dependency: str, message: str | None = None) -> None:
        super().__init__(message or f"{dependency} is unavailable")
        self.dependency = dependency


class Broken(TagstreamError):
    """The program or its machine is broken."""


class DeviceBroken(Broken):
    """A known-good image fails too: the device is broken."""


class BatcherDead(Broken):
    """The batching loop has ended."""


class Stalled(Broken):
    """Work is in flight and none has finished within the limit."""
