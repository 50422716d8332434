"""summary.json: read back as it was written, refused if damaged or of another version, with a published schema."""

import json
from pathlib import Path

import pytest

from fixtures.verdict_tables import summary_of
from iqbench.errors import UsageError
from iqbench.results.json_schemas import PUBLISHED, schema_files
from iqbench.results.summary import FILE_NAME, RunRecord, Summary, read_summary


@pytest.fixture(scope="module")
def summary() -> Summary:
    summary = summary_of({"a": {"blur": 0.9, "jpeg": 0.5}, "b": {"blur": 0.6}}, baselines=[("random", 0.5)])
    record = RunRecord(identity={"photos": ["./é\udcff.png"]}, details={"config": {}}, missing_shards=[1])
    return summary.model_copy(update={"runs": [record]})


def write(folder: Path, content: object) -> Path:
    (folder / FILE_NAME).write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def test_a_summary_is_read_back_as_it_was_whatever_bytes_a_path_holds(tmp_path: Path, summary: Summary) -> None:
    assert read_summary(write(tmp_path, summary.model_dump(mode="json"))) == summary


@pytest.mark.parametrize(
    ("change", "facts"),
    [
        (lambda content: content.pop("schema_version"), ["schema version 1", "iqbench 0.0", "not 3"]),
        (lambda content: content.update(schema_version=2), ["schema version 2", "not 3"]),
        (lambda content: content.update(schema_version=4), ["schema version 4", "not 3"]),
        (lambda content: content.update(photos="many"), ["photos"]),
        (lambda content: content.update(unknown=1), ["unknown"]),
        (lambda content: content["models"]["a"]["overall"].update(ties=None), ["models.a.overall.ties"]),
        (lambda content: content["protocol"].update(orders="neither"), ["protocol.orders"]),
        (lambda content: content["protocol"].update(tie_worth=2), ["protocol.tie_worth"]),
    ],
)
def test_a_damaged_summary_or_one_of_another_version_is_refused_with_its_key(
    tmp_path: Path, summary: Summary, change: object, facts: list[str]
) -> None:
    content = summary.model_dump(mode="json")
    change(content)  # type: ignore[operator]
    with pytest.raises(UsageError) as refusal:
        read_summary(write(tmp_path, content))
    message = str(refusal.value)
    assert all(fact in message for fact in [str(tmp_path / FILE_NAME), "iqbench.report", *facts])
    assert "\n" not in message


def test_a_folder_without_a_summary_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"iqbench\.report"):
        read_summary(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"schema_version": 3, "photos": NaN}'])
def test_a_file_that_is_no_summary_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match=r"iqbench\.report"):
        read_summary(write(tmp_path, text))


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_schemas_are_current(name: str) -> None:
    (path,) = [path for path in schema_files() if path.name.startswith(f"{name}.")]
    command = "python -m iqbench.results.json_schemas"
    published, current = (json.loads(text) for text in (path.read_text(encoding="utf-8"), schema_files()[path]))
    assert published == current, f"run {command}; raise schema_version if needed"


def test_the_schema_names_every_key_of_a_summary(summary: Summary) -> None:
    (path,) = [path for path in schema_files() if path.name.startswith("summary.")]
    schema = json.loads(path.read_text())
    assert set(summary.model_dump(mode="json")) == set(schema["properties"])
    statistics = {"accuracy", "interval", "total_pairs", "verdict", "p_chance", "unanswered"}
    assert statistics <= set(schema["$defs"]["PairStatistics"]["properties"])
    assert {"difference", "p", "p_corrected"} <= set(schema["$defs"]["ModelDifference"]["properties"])
    assert [file.name for file in path.parent.glob("summary.*")] == ["summary.v3.json"]
