from __future__ import annotations

import re
import shutil
import string
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from iris_api.commands.frameworks.__main__ import main
from iris_api.commands.frameworks.carried import take_out
from iris_api.commands.frameworks.exchange import FORMS, WrongAnswerError, beginnings, check, requests_for
from iris_api.commands.frameworks.field import FOLDER, FieldError, chosen, read_field
from iris_api.commands.frameworks.lines import lines_of_code
from iris_api.commands.frameworks.picture import draw
from iris_api.commands.frameworks.place import environment_of, installed
from iris_api.commands.frameworks.report import beyond_table, figures_table
from iris_api.commands.frameworks.row import Conformance, Row
from iris_api.commands.frameworks.start import ALIKE
from iris_api.training.golden import Golden
from workbench.bench import PeerResult
from workbench.terminal import make_console
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from iris_api.commands.frameworks.field import Framework

FIELD = read_field()
BY_NAME = {each.name: each for each in FIELD}
NAMES = {"main", "folder", "work", "level", "here", "ladder", "model_dir", "onnx", "joblib", "triton", "port", "grpc"}
FLOWERS = Golden(np.array([[5.1, 3.5, 1.4, 0.2]]), np.array([0]), np.array([[0.9, 0.08, 0.02]]))
each_framework = pytest.mark.parametrize("framework", FIELD, ids=lambda each: each.name)


def row(name: str, rps: float | None = None, **fields: object) -> Row:
    figures = None if rps is None else PeerResult(name, rps, 1.5, 9.0, 1e6 / rps, 100, [])
    return Row(name, f"<{name}>", 20, "metrics", BY_NAME["ours"].beyond, figures=figures, **fields)  # type: ignore[arg-type]


@each_framework
def test_every_name_in_a_command_is_known_and_every_file_is_there(framework: Framework) -> None:
    words = [*framework.command, *framework.prepare, *framework.variables.values()]
    used = {name for word in words for _, name, _, _ in string.Formatter().parse(word) if name}
    assert used <= NAMES | {"third", "fourth", "fifth", "bin", "python"}
    assert "port" in used
    assert framework.form in FORMS
    assert lines_of_code([FOLDER.parent / file for file in framework.code]) > 5
    locked = ROOT / "infra/requirements" / f"frameworks-{framework.environment}.txt"
    assert framework.environment in {"main", "seldon", "triton"} or locked.is_file()


@each_framework
def test_everyone_has_the_same_model_one_thread_and_one_worker(framework: Framework) -> None:
    words = " ".join([*framework.command, *framework.prepare, *framework.variables.values()])
    files = [path for each in framework.code for path in _sources(FOLDER.parent / each)]
    text = "".join(path.read_text(encoding="utf-8") for path in files)
    if framework.name != "fastapi-tutorial":  # scikit-learn's own, from which the ONNX model is exported
        threads = re.search(r"(intra_op|INFERENCE)_(num_threads|NUM_THREADS|parallelism)\W+1\b", text + words)
        assert threads, "a runtime takes as many threads as it likes"
        # from the environment, from the artefact's folder, or through an argument that one of them fills
        assert "IRIS_ONNX" in text or "{onnx}" in words or "{model_dir}" in words
    workers = re.findall(r"workers\D{1,4}(\d+)", words + text)
    assert set(workers) <= {"1", "0"}, "0 is MLServer's word for: in this process"
    assert ALIKE["OMP_NUM_THREADS"] == ALIKE["OPENBLAS_NUM_THREADS"] == ALIKE["MKL_NUM_THREADS"] == "1"


def test_who_is_asked_in_the_same_form_gets_the_same_bytes() -> None:
    bodies = {(each.form, requests_for(each.form, each.path, FLOWERS)[0].body) for each in FIELD}
    assert len(bodies) == len({each.form for each in FIELD})
    assert requests_for("flower", "/x", FLOWERS)[0].body == (
        b'{"sepal_length_cm":5.1,"sepal_width_cm":3.5,"petal_length_cm":1.4,"petal_width_cm":0.2}'
    )


def test_nobody_tells_its_makers_about_the_run() -> None:
    assert {"DO_NOT_TRACK", "BENTOML_DO_NOT_TRACK", "RAY_USAGE_STATS_ENABLED", "MLFLOW_DISABLE_TELEMETRY"} <= set(ALIKE)


def test_what_a_server_records_of_itself_is_said_and_ours_has_a_row_that_records_nothing() -> None:
    assert {each.telemetry for each in FIELD} == {"none", "metrics", "full"}
    assert (BY_NAME["ours"].telemetry, BY_NAME["ours-unobserved"].telemetry) == ("full", "none")
    silent = {each.name for each in FIELD if "Prometheus" not in each.beyond.metrics}
    assert all(BY_NAME[name].telemetry == "none" for name in silent), "who has no metrics cannot record them"


def test_ray_is_measured_as_it_comes_and_as_its_makers_tune_it() -> None:
    plain, tuned = BY_NAME["ray"], BY_NAME["ray-haproxy"]
    assert plain.command == tuned.command
    assert {"RAY_SERVE_ENABLE_HA_PROXY": "1", "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1"}.items() <= tuned.variables.items()


def test_words_choose_by_the_beginning_of_a_name() -> None:
    assert [each.name for each in chosen(FIELD, "triton,ray")] == ["triton", "triton-batching", "ray", "ray-haproxy"]
    assert chosen(FIELD, " ") == FIELD
    with pytest.raises(FieldError, match="ONLY flask: no such framework, expected some of: ours "):
        chosen(FIELD, "ours flask")


def test_a_field_that_is_wrong_says_where(tmp_path: Path) -> None:
    path = tmp_path / "field.toml"
    path.write_text('[[framework]]\nname = "x"\n')
    with pytest.raises(FieldError, match=r"field.toml: Object missing required field `title` - at `\$.framework\[0\]`"):
        read_field(path)
    with pytest.raises(FieldError, match="No such file"):
        read_field(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("form", "answer"),
    [
        ("flower", {"predictions": [{"label": 0, "probabilities": [0.9, 0.08, 0.02]}]}),
        ("oip", {"outputs": [{"name": "label"}, {"name": "probabilities", "data": [0.9, 0.08, 0.02]}]}),
        ("seldon", {"data": {"ndarray": [[0.9, 0.08, 0.02]]}}),
        ("mlflow", {"predictions": {"label": [0], "probabilities": [[0.9, 0.08, 0.02]]}}),
        ("tensorflow", {"predictions": [{"label": 0, "probabilities": [0.9, 0.08, 0.02]}]}),
    ],
)
def test_an_answer_counts_only_where_it_is_scikit_learn_s(form: str, answer: object) -> None:
    body = msgspec.json.encode(answer)
    check(form, [body], FLOWERS)
    with pytest.raises(WrongAnswerError, match="its answers are not those of scikit-learn"):
        check(form, [body.replace(b"0.08", b"0.07")], FLOWERS)
    for unreadable in (b"{}", b"oops", b'{"predictions":[{}],"outputs":[]}'):
        with pytest.raises(WrongAnswerError, match="has no probabilities"):
            check(form, [unreadable], FLOWERS)


def test_under_load_an_answer_is_compared_up_to_what_changes_by_itself() -> None:
    assert beginnings([b'{"label":1,"probabilities":[0.91]}'], [b'{"label":1,"probabilities":[0.92]}']) == [
        b'{"label":1,"'
    ]
    assert beginnings([b'{"data":1,"id":"7"}'], [b'{"data":1,"id":"8"}']) == [b'{"data":1,"id":"']
    assert beginnings([b"same"], [b"same"]) == [b"same"]


def test_lines_are_those_that_do_something(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text('"""What it is.\n\nMore."""\n\nx = 1  # one\n# none\n\n\ndef f():\n    """Why."""\n')
    (tmp_path / "b.json").write_text("{\n\n}\n")
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__/a.pyc").write_text("nothing")
    assert lines_of_code([tmp_path / "a.py"]) == 2
    assert lines_of_code([tmp_path]) == 4


def test_a_framework_in_the_main_environment_is_charged_for_what_it_needs_alone() -> None:
    few, more = (installed(BY_NAME[name], environment_of(BY_NAME[name])) for name in ("fastapi-onnx", "openvino"))
    assert 5 < few.packages < more.packages < 100
    assert 20e6 < few.size < more.size < 1e9


def test_a_row_without_figures_has_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    console = make_console()
    rows = [row("quick", 5000.0, start_s=1.25, packages=20, installed_mb=160.0), row("absent", why_not="no Java")]
    rows[0].oip = Conformance(60, 1, 2, 3)
    console.print(figures_table(rows, console))
    console.print(beyond_table(rows, console))
    printed = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "<quick> 5,000 1.5 9.0 200 100 1.2 20 160 20 metrics 60 passed, 1+2 failed" in printed
    assert "<absent> – – – – – – – – 20 metrics –" in printed


def test_the_picture_has_a_bar_for_each_that_was_measured_the_quickest_first() -> None:
    picture = draw([row("slow", 500.0), row("quick", 5000.0), row("absent", why_not="no Java")])
    assert picture.count('class="bar"') == 2
    assert picture.index("&lt;quick&gt;") < picture.index("&lt;slow&gt;")
    assert "absent" not in picture
    assert "500/s, 2,000 µs" in picture


# stands in for Docker, of which only the words are looked at: no image can be counted on to be there
DOCKER = """#!/bin/sh
echo "$@" >> {log}
[ "$1" != cp ] || printf 'program' > "$3"
[ "$1" != {fails} ] || {{ echo 'pull access denied' >&2; exit 1; }}
"""


def put_docker(folder: Path, monkeypatch: pytest.MonkeyPatch, fails: str = "nothing") -> Path:
    log, docker = folder / "log", folder / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(DOCKER.format(log=log, fails=fails))
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{docker.parent}:/usr/bin:/bin")
    monkeypatch.chdir(folder)
    return log


def test_a_program_is_taken_out_of_its_image_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, served = put_docker(tmp_path, monkeypatch), BY_NAME["tensorflow-serving"]
    take_out(served)
    assert log.read_text().splitlines() == [
        f"create --name iris-tensorflow-serving {served.image}",
        "cp iris-tensorflow-serving:/usr/bin/tensorflow_model_server .cache/programs/tensorflow_model_server",
        "rm iris-tensorflow-serving",
    ]
    program = tmp_path / ".cache/programs/tensorflow_model_server"
    program.chmod(0o755)
    assert shutil.which("tensorflow_model_server") == str(program)
    take_out(served)
    assert len(log.read_text().splitlines()) == 3, "it is here by now"


def test_an_image_that_cannot_be_pulled_is_said_in_dockers_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_docker(tmp_path, monkeypatch, fails="create")
    with pytest.raises(FieldError, match="docker create: pull access denied"):
        take_out(BY_NAME["tensorflow-serving"])


def test_who_needs_no_image_is_told_so() -> None:
    with pytest.raises(FieldError, match="--with litserve: no image carries it"):
        take_out(BY_NAME["litserve"])


def test_a_name_that_with_does_not_know_is_not_blamed_on_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["--with", "tensorflow-server"]) == 2
    assert "frameworks: --with tensorflow-server: no such framework, expected" in capsys.readouterr().err


def _sources(path: Path) -> list[Path]:
    found = [each for each in path.rglob("*") if each.is_file()] if path.is_dir() else [path]
    return [each for each in found if "__pycache__" not in each.parts]
