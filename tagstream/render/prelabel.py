"""The contact sheet of a review batch: each proposal with its picture and probabilities."""

from __future__ import annotations

from model.data import review
from model.data.label_folders import REVIEW
from model.data.review import Proposal
from operations.prelabel import ContactSheet
from tagstream.render import gallery
from tagstream.render.gallery import Fact, GallerySection, Page, ProbabilityBar, Shot


def draw(sheet: ContactSheet) -> str:
    """The sheet as an HTML page."""
    return gallery.render(_page(sheet))


def _page(sheet: ContactSheet) -> Page:
    shots = [
        Shot(
            each.place,
            sheet.pictures[each.place],
            chips=(f"uncertainty {each.uncertainty:.2f}", *_chips(each)),
            bars=tuple(
                ProbabilityBar(label, chance, sheet.thresholds[label])
                for label, chance in each.probabilities.items()
            ),
        )
        for each in sheet.proposals
    ]
    note = f"{len(shots):,} of {sheet.photographs:,} photographs, the least sure first"
    return Page(
        title="To be reviewed",
        lead=f"Proposed by {sheet.model}. Uncertainty is {review.MEASURE}; nearer than a third is a maybe."
        f" Correct the columns labels and maybe in {REVIEW}, or write yes into reviewed where both are right;"
        " then import the batch.",
        facts=(
            Fact("photographs", f"{sheet.photographs:,}"),
            Fact("labels", f"{len(sheet.thresholds)}"),
        ),
        sections=[GallerySection("By uncertainty", note, tuple(shots))],
    )


def _chips(proposal: Proposal) -> tuple[str, ...]:
    maybe = tuple(f"maybe {label}" for label in proposal.maybe)
    return (*proposal.suggested, *maybe) or ("no label",)
