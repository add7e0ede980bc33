"""The pages: whole, self-contained, with every plot and the mistakes as pictures."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from model.data.photograph import Photograph
from model.evaluation import headings
from model.evaluation.card import card
from model.evaluation.comparison import compare, gap
from model.evaluation.evaluation_run import EvaluationResult, Versus
from model.evaluation.figures import report
from model.evaluation.pages import comparison_page, evaluation_page, plots
from model.evaluation.pages.mistakes import EACH
from model.evaluation.predictions import Predictions
from model.evaluation.speed import Benchmark, Speed
from model.manifest import Manifest
from tagstream.render.figure_differences import show_versus
from tagstream.render.figures import show_report
from tests.unit.prediction_builders import LABELS, drawn, judged

MANIFEST = Manifest(
    name="shop",
    version="v1",
    labels=LABELS,
    architecture="tiny",
    thresholds=dict.fromkeys(LABELS, 0.5),
    chosen_for={"food": {"recall": 0.98, "reached": 0.981}},
)
SPEED = Speed("cpu", 1, 8, images_per_second=90.0, cpu_ms=11, latency_ms=12, latency_95_ms=14, decode_ms=3)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Predictions:
    """With one drawn picture for all of them, and a name and a source that want escaping."""
    folder = tmp_path_factory.mktemp("photographs")
    Image.new("RGB", (900, 600), "orange").save(folder / "<b>.jpg")
    seen = drawn(80, sources=4)
    photographs = tuple(
        replace(photo, path=folder / "<b>.jpg", source=photo.source.replace("site", "<i>"))
        for photo in seen.photographs
    )
    return replace(seen, photographs=photographs)


@pytest.fixture(scope="module")
def page(many: Predictions) -> str:
    figures = replace(report(many, resamples=50), speed=SPEED)
    outcome = EvaluationResult(
        MANIFEST, "val", many, figures, against="train", other=figures, gap=gap(many, many)
    )
    return evaluation_page.render(outcome)


@pytest.fixture(scope="module")
def two(many: Predictions) -> Versus:
    other = replace(many, probabilities=many.probabilities.roll(1, dims=1))
    return Versus(
        manifests=(MANIFEST, MANIFEST.model_copy(update={"version": "v2"})),
        split="val",
        predictions=(many, other),
        reports=(report(many, resamples=50), report(other, resamples=50)),
        comparison=compare(many, other, resamples=50),
        benchmark=Benchmark("cpu", 1, 8, a=(10.0, 20.0), b=(20.0, 20.0)),
    )


@pytest.fixture(scope="module")
def versus(two: Versus) -> str:
    return comparison_page.render(two)


def test_a_page_needs_nothing_else(page: str, versus: str) -> None:
    for text in (page, versus):
        assert not re.search(r"<script|<link|@import|url\(|https?://", text)
        assert set(re.findall(r'src="(data:image/jpeg)?', text)) == {"data:image/jpeg"}


def test_names_are_escaped(page: str, versus: str) -> None:
    for text in (page, versus):
        assert "&lt;b&gt;.jpg" in text
        assert "<b>.jpg" not in text
        assert "<i> 0" not in text


def test_every_label_has_its_curve_and_its_histogram(page: str) -> None:
    for label in LABELS:
        assert f'aria-label="precision over recall of {label}"' in page
        assert f'aria-label="probabilities of {label}"' in page
    assert page.count('class="mark"') == page.count('class="curve"') == len(LABELS)
    assert page.count('class="cut"') == len(LABELS)


def test_the_mistakes_are_shown_as_small_pictures(page: str) -> None:
    assert 0 < page.count("data:image/jpeg;base64,") <= 2 * len(LABELS) * EACH + 3 * EACH
    assert len(page) < 400_000


def test_the_page_says_the_gap_the_target_and_the_speed(page: str) -> None:
    assert "What it has by heart" in page
    assert "for recall 98.0 %" in page
    assert "<td>90.0</td>" in page


def test_a_comparison_shows_what_each_alone_gets_right(versus: str) -> None:
    assert re.search(r"All tags right in A alone: [1-9]", versus)
    assert "A: shop v1" in versus
    assert "B: shop v2" in versus
    assert "1.50\u00d7" in versus


def test_photographs_that_are_gone_leave_a_page_without_their_picture() -> None:
    some = judged([[0.1, 0.9, 0.1], [0.1, 0.9, 0.2]], [("human",), ("food",)])
    text = evaluation_page.render(EvaluationResult(MANIFEST, "val", some, report(some, resamples=50)))
    assert "no picture" in text
    assert "no photograph of it" in text  # ambiance has no curve


def test_a_version_that_refuses_says_below_what() -> None:
    some = judged([[0.1, 0.9, 0.1], [0.1, 0.9, 0.2]], [("food",), ("food",)])
    figures = report(some, resamples=50)
    refusing = MANIFEST.model_copy(update={"refusal": 0.83})
    assert "unless no label reaches 0.83" in evaluation_page.render(
        EvaluationResult(refusing, "val", some, figures)
    )
    assert "refused" not in evaluation_page.render(EvaluationResult(MANIFEST, "val", some, figures))


def test_negatives_alone_have_a_page() -> None:
    photo = Photograph(Path("x.jpg"), labels=())
    some = replace(judged([[0.9, 0.1, 0.1]], [()]), photographs=(photo,))
    assert "yes: none of the labels" in evaluation_page.render(
        EvaluationResult(MANIFEST, "val", some, report(some))
    )


def test_a_curve_goes_through_the_point_of_its_threshold() -> None:
    many = drawn(40)
    for curve in plots.curves(many, report(many, resamples=10)):
        assert f"{plots.x(curve.recall)},{plots.y(curve.precision)}" in curve.path.split()


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    points = [(float(i), 0.0) for i in range(5000)]
    kept = plots.thinned(points)
    assert len(kept) < 300
    assert (kept[0], kept[-1]) == (points[0], points[-1])


def test_a_histogram_holds_every_photograph_once() -> None:
    many = drawn(60)
    for each, column in zip(plots.histograms(many), many.probabilities.T, strict=True):
        assert each.true + each.false == 60
        counts = [
            int(number) for bar in each.bars for number in re.findall(r": (\d+) true, (\d+)", bar.title)[0]
        ]
        assert sum(counts) == len(column)
    assert torch.equal(many.targets.sum(0), torch.tensor([each.true for each in plots.histograms(many)]))


def binary() -> EvaluationResult:
    some = judged(
        [[0.9], [0.2], [0.7], [0.1]],
        [("menu",), ("menu",), ("food",), ()],
        labels=("menu",),
        task="binary",
    )
    manifest = Manifest(
        name="menus",
        version="v1",
        task="binary",
        labels=("menu",),
        architecture="tiny",
        thresholds={"menu": 0.5},
    )
    return EvaluationResult(manifest, "val", some, report(some, resamples=20))


def test_a_binary_version_has_no_main_tag_and_no_several_tags_anywhere() -> None:
    outcome = binary()
    shown = io.StringIO()
    with redirect_stdout(shown):
        show_report("val", outcome.report)
    written = card(outcome.manifest, reports={"val": outcome.report})
    for text in (evaluation_page.render(outcome), written, shown.getvalue()):
        assert not re.search(
            r"several|main tag|top label right|photographs with two|another one set", text, re.IGNORECASE
        )
        for figure in ("precision", "recall", "F1", "average precision", "calibration error", "97% recall"):
            assert figure in text, figure
        assert "not menu" in text


def test_figures_of_tags_come_before_those_of_the_main_tag(many: Predictions, page: str) -> None:
    shown = io.StringIO()
    with redirect_stdout(shown):
        show_report("val", report(many, resamples=20))
    written = card(MANIFEST, reports={"val": report(many, resamples=20)})
    for text in (page[page.index("<section>") :], written, shown.getvalue()):
        places = [
            text.index(each)
            for each in ("recall", "Several tags, all found", "None of the labels", "Top label right")
        ]
        assert places == sorted(places)


def test_a_comparison_shows_the_report_s_figures_in_the_report_s_order(two: Versus, versus: str) -> None:
    shown = io.StringIO()
    with redirect_stdout(shown):
        show_versus(two)
    whole = [each.name for each in headings.all_of("multi_label", labels=3)]
    for text in (versus[versus.index("<section>") :], shown.getvalue()):
        places = [text.index(name) for name in ("precision", "recall", "F1", *whole)]
        assert places == sorted(places)
    recall = two.comparison.per_label["food"].recall
    row = f"│ {recall.a:.3f} │ {recall.b:.3f} │ {recall.value:+.3f}"
    assert re.search(rf"recall +{re.escape(row)}", shown.getvalue())
    assert f"{recall.a:.3f} → {recall.b:.3f}" in versus
    assert "by the wall clock, in turns, 2 rounds" in shown.getvalue()


def test_what_there_is_nothing_of_is_a_dash_everywhere() -> None:
    some = judged([[0.1, 0.9, 0.1], [0.1, 0.9, 0.2]], [("food",), ("food",)])
    figures = report(some, resamples=20)
    shown = io.StringIO()
    with redirect_stdout(shown):
        show_report("val", figures)
    assert re.search(r"│ human +(│ - +){4}│", shown.getvalue())
    written = card(MANIFEST, reports={"val": figures})
    page = evaluation_page.render(EvaluationResult(MANIFEST, "val", some, figures))
    for text in (shown.getvalue(), written, page):
        assert "nan" not in text
    assert "| human | - | - | - | - | - | 0." in written
    assert re.search('<th scope="row">human</th><td>0.50</td>\\s*(<td>\N{EN DASH}</td>){5}<td>0[.]', page)
