from __future__ import annotations

import json
import logging
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from ecs_logging import StdlibFormatter
from rich.console import Console

from servekit.telemetry.logs import RequestLog
from servekit.telemetry.record import RequestRecord
from workbench.observe import ObserveError
from workbench.observe.__main__ import main
from workbench.observe.events import LOGS, flatten
from workbench.observe.query import load, run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A level's folder with what its servers really write: request events, a service's own line, a stray one."""
    logs = tmp_path / ".run" / "1" / "logs"
    logs.mkdir(parents=True)
    with (logs / "iris-api.log").open("wb", buffering=0) as file:
        written = RequestLog("iris-api", file.fileno())
        for code in (200, 200, 500):
            record = RequestRecord(None, 0)
            record.model, record.version = "iris", "1"
            written.write(record, "POST", "/v1/predict", code, 2_500_000)
        written.flush()
        file.write(b"Segmentation fault\n\n\xff broken bytes\n")
    starting = logging.LogRecord("iris_api", logging.INFO, __file__, 1, "serving", None, None)
    line = StdlibFormatter(extra={"service": {"name": "iris-api"}}).format(starting)
    (logs / "iris-api.log.1").write_text(line + "\n")
    span = {
        "trace_id": "ab" * 16, "span_id": "01", "parent_span_id": None, "service": "iris-api", "name": "POST",
        "kind": "server", "start_unix_ns": 1_700_000_000_000_000_000, "end_unix_ns": 1_700_000_000_004_000_000,
        "status": "unset", "attributes": {"http.route": "/v1/predict"},
    }  # fmt: skip
    (logs.parent / "traces.jsonl").write_text(json.dumps(span) + "\n")
    return logs.parent


def answer(run_dir: Path, sql: str) -> list[list[str]]:
    """The printed table's rows, split at blanks, without the header."""
    out = StringIO()
    with load(run_dir) as connection:
        run(connection, sql, Console(file=out, width=300))
    return [line.split() for line in out.getvalue().splitlines()[1:]]


def test_every_line_of_every_log_file_is_counted(run_dir: Path) -> None:
    assert answer(run_dir, "select count(*) from logs") == [["6"]]


def test_the_spans_of_several_processes_are_one_table(run_dir: Path) -> None:
    (run_dir / "traces-gateway-1.jsonl").write_text((run_dir / "traces.jsonl").read_text())
    assert answer(run_dir, "select count(*) from spans") == [["2"]]


def test_request_events_have_friendly_columns(run_dir: Path) -> None:
    columns = "level, service, method, route, status, duration_ms, model, version, process"
    sql = f"select {columns} from logs where status > 200"  # noqa: S608 - written here
    assert answer(run_dir, sql) == [
        ["error", "iris-api", "POST", "/v1/predict", "500", "2.500", "iris", "1", "iris-api"]
    ]


def test_nested_fields_of_a_services_own_line_are_found(run_dir: Path) -> None:
    assert answer(run_dir, "select message, logger, service from logs where logger is not null") == [
        ["serving", "iris_api", "iris-api"]
    ]


def test_a_line_that_is_not_json_is_a_message_without_a_time(run_dir: Path) -> None:
    assert answer(run_dir, "select message from logs where ts is null order by 1") == [
        ["Segmentation", "fault"],
        ["\N{REPLACEMENT CHARACTER}", "broken", "bytes"],
    ]


def test_lines_keep_what_was_written(run_dir: Path) -> None:
    sql = """select distinct raw::json->>'$."ecs.version"' from lines where status is not null"""
    assert answer(run_dir, sql) == [["8.11.0"]]


def test_logs_and_spans_join_by_trace_id(run_dir: Path) -> None:
    assert answer(run_dir, "select count(*) from logs join spans using (trace_id)") == [["0"]]
    sql = """select ts, name, duration_ms, attributes->>'$."http.route"' from spans"""
    assert answer(run_dir, sql) == [["2023-11-14", "22:13:20.000", "POST", "4.000", "/v1/predict"]]


def test_without_spans_there_is_an_empty_table(run_dir: Path) -> None:
    (run_dir / "traces.jsonl").unlink()
    assert answer(run_dir, "select count(*) from spans") == [["0"]]


def test_nothing_is_shown_for_null(run_dir: Path) -> None:
    assert answer(run_dir, "select null, 7") == [["7"]]


def test_a_long_answer_is_cut_and_says_so(run_dir: Path) -> None:
    lines = answer(run_dir, "from range(500)")
    assert len(lines) == 201
    assert " ".join(lines[-1]).startswith("the first 200 rows; ")


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('{secret}')",
        "select * from read_text('{secret}')",
        "select * from sniff_csv('{secret}')",
        "select * from glob('{secret}')",
        "select * from '{secret}'",
        "select * from read_json('http://127.0.0.1:9/x')",
        "copy logs to '{target}'",
        "attach '{target}' as other",
        "export database '{target}'",
        "install httpfs",
        "set enable_external_access = true",
        "pragma enable_profiling = 'json'",
        "select getenv('HOME')",
        "select * from answer",
    ],
)
def test_a_query_reads_and_writes_no_file_no_network_and_no_variable(run_dir: Path, tmp_path: Path, sql: str) -> None:
    secret, target = tmp_path / "secret.csv", tmp_path / "target"
    secret.write_text("password\n")
    with pytest.raises(ObserveError, match=r"Permission|Catalog|locked"):
        answer(run_dir, sql.format(secret=secret, target=target))
    assert not target.exists()


def test_an_error_shows_the_place_and_the_tables(run_dir: Path) -> None:
    with pytest.raises(ObserveError) as caught:
        answer(run_dir, "select cuont(*) from logs")
    assert "LINE 1: select cuont(*)" in str(caught.value)
    assert "  logs(ts, level, message," in str(caught.value)


def test_an_empty_query_gets_an_example(run_dir: Path) -> None:
    with pytest.raises(ObserveError, match=r"^no query; expected SQL, e\.g\. SQL='select status, count"):
        answer(run_dir, " ")


def test_without_logs_the_remedy_names_the_level(tmp_path: Path) -> None:
    with pytest.raises(ObserveError, match=r"2/logs: no logs yet; `make up-2` starts the level$"):
        load(tmp_path / "2")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"@timestamp": "yesterday", "event.duration": "long", "http.response.status_code": "ok"}', ["", "", ""]),
        ('{"http": {"response": {"status_code": 404}}, "event": {"duration": 1000000}}', ["", "404", "1.000"]),
        ("[1, 2]", ["", "", ""]),
    ],
)
def test_a_field_of_the_wrong_type_is_null(tmp_path: Path, line: str, expected: list[str]) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.log").write_text(line + "\n")
    sql = "select coalesce(ts::text, ''), status, duration_ms from logs"
    assert answer(tmp_path, sql) == [[cell for cell in expected if cell]]


def test_flatten_joins_nested_names_with_dots() -> None:
    assert flatten({"a": {"b": {"c": 1}}, "d.e": 2}) == {"a.b.c": 1, "d.e": 2}


def test_the_schema_names_no_raw_features() -> None:
    assert not {"body", "features", "headers"} & set(LOGS.names)


def test_the_command_takes_its_query_from_make_through_the_environment(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(run_dir.parents[1])
    monkeypatch.setenv("SQL", """select 'it''s', "status" from logs where status = 500""")
    assert main(["query", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["it's", "500"]


def test_the_trace_command_draws_the_slowest_and_names_what_is_missing(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(run_dir.parents[1])
    assert main(["trace", "1"]) == 0
    assert main(["trace", "1", "--last"]) == 0
    assert main(["trace", "1", "--id", "abab"]) == 0
    assert capsys.readouterr().out.count(f"trace {'ab' * 16}  ") == 3
    assert main(["trace", "3"]) == 1
    assert capsys.readouterr().err.startswith("error: .run/3/traces.jsonl: no such file; run `make up-3`")
    monkeypatch.setenv("SHOP_RUN_DIR", str(run_dir))
    assert main(["trace", "3", "--last"]) == 0
