"""The report and the JSON document of a run."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

from schemas import topics
from schemas.tags import UNCERTAIN
from tagstream import samples
from tagstream.demo import report, table
from tagstream.demo.drill import Strike
from tagstream.demo.result import Deliveries
from tagstream.render.console import PrintableConsole
from tests.unit.demo_builders import LABELS, buried, merged, photo, result, tagged, uploaded

EVIL = "<script>alert('x')</script>&.jpg"
PLATE, FACE, FOG, GONE = photo("plate.jpg"), photo("face.jpg"), photo("fog.jpg"), photo("gone.jpg")
EVIDENCE = merged(tagged(PLATE, food=0.7), tagged(FACE, food=0.9, human=0.8), tagged(FOG), buried(GONE))
RESULT = result([PLATE, FACE, FOG, GONE], EVIDENCE)


def test_photographs_are_grouped_by_tag_the_surest_first_and_the_uncertain_last() -> None:
    groups = report.groups(RESULT.account.tagged, LABELS)
    found = {group.label: [each.photo.name for each in group.photographs] for group in groups}
    assert list(found) == ["food", "human", UNCERTAIN]
    assert found == {"food": ["face.jpg", "plate.jpg"], "human": ["face.jpg"], UNCERTAIN: ["fog.jpg"]}


def test_everything_that_a_user_or_an_error_may_say_is_escaped() -> None:
    evil, lost, missing = photo(EVIL), photo(f"lost-{EVIL}"), photo(f"missing-{EVIL}")
    evidence = merged(tagged(evil, food=0.9), buried(lost, message=EVIL), uploaded(missing))
    html = report.render(result([evil, lost, missing], evidence))
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 5


def test_the_report_loads_nothing_and_runs_nothing() -> None:
    html = report.render(RESULT)
    assert "http://" not in html
    assert "https://" not in html
    assert "<script" not in html
    assert "prefers-color-scheme: dark" in html


def test_the_report_tells_of_the_drill() -> None:
    struck = Strike(1, 0.0, done=2, in_work=(PLATE.image_id, GONE.image_id))
    drilled = dataclasses.replace(RESULT, is_drill=True, strike=struck, deliveries=Deliveries(1, 3, 4.2))
    html = report.render(drilled)
    assert "plate.jpg, gone.jpg" in html
    assert "4.2 s later" in html
    assert "Kafka delivered 3 messages again" in html
    assert "Nothing lost" in html


def test_a_drill_that_killed_nobody_proves_nothing_and_says_so() -> None:
    html = report.render(dataclasses.replace(RESULT, is_drill=True))
    assert "proves nothing about kills" in html
    assert "Nothing lost" not in html


def test_the_report_says_what_is_missing() -> None:
    html = report.render(result([PLATE, FOG], merged(tagged(PLATE, food=0.9), uploaded(FOG))))
    assert "1 of 2 photographs are not accounted for" in html
    assert "neither scores in the store nor a dead letter" in html


def test_samples_are_credited() -> None:
    path = next(path for path in samples.photographs() if path.name == "dahlia.jpg")
    shown = dataclasses.replace(photo(path.name), path=path)
    html = report.render(result([shown], tagged(shown, food=0.9)))
    assert "vultilion" in html
    assert "CC BY 2.0" in html
    assert "data:image/jpeg;base64," in html


def test_a_thumbnail_that_cannot_be_made_is_left_out(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff broken")
    assert report.thumbnails([dataclasses.replace(PLATE, path=broken), GONE]) == {}


def test_every_sample_has_a_thumbnail() -> None:
    shown = [dataclasses.replace(photo(path.name), path=path) for path in samples.photographs()]
    assert len(report.thumbnails(shown)) == len(shown)


def test_the_document_is_plain_json() -> None:
    said = json.loads(json.dumps(RESULT.document()))
    assert [image["routes"] for image in said["images"]] == [[], [topics.MODERATION], [topics.MODERATION]]
    first = said["images"][0]
    assert set(first) == {"path", "image_id", "tags", "routes", "model_version"}
    assert first["tags"][0] == {
        "label": "food",
        "probability": 0.7,
        "threshold": 0.5,
        "tagged": True,
        "source": "model",
    }
    assert said["dead_letters"][0]["image_id"] == GONE.image_id
    assert said["dead_letters"][0]["cause"] == "gone"
    assert said["topics"][topics.TAGGED] == 3
    assert said["seconds"] == {"fetch": 0.25, "forward": 0.5}
    assert (said["redelivered"], said["missing"]) == (0, [])


def test_the_table_names_every_photograph_and_the_verdict() -> None:
    out = io.StringIO()
    table.show(RESULT, PrintableConsole(file=out, width=160))
    for name in ("plate.jpg", "face.jpg", "fog.jpg", "gone.jpg"):
        assert name in out.getvalue()
    assert "All 4 photographs are accounted for: 3 tagged, 1 dead-lettered" in out.getvalue()
