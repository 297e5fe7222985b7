"""What a process inherits."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from workbench import environment
from workbench.environment import only

SHOW = ["-I", "-S", "-c", "import json, os; print(json.dumps([os.getpid(), dict(os.environ)]))"]


def test_the_usual_variables_and_the_named_ones_are_kept_and_all_else_is_left_out() -> None:
    given = {
        "PATH": "/bin",
        "LC_ALL": "C",
        "SHOP_API_KEYS": "a:b",
        "AUDIT_KEY": "k",
        "AUDIT_DIR": "d",
        "AWS_TOKEN": "t",
    }
    assert only(given, ()) == {"PATH": "/bin", "LC_ALL": "C"}
    assert only(given, ["SHOP_API_KEYS"]) == {"PATH": "/bin", "LC_ALL": "C", "SHOP_API_KEYS": "a:b"}
    assert only(given, ["AUDIT_*"]) == {"PATH": "/bin", "LC_ALL": "C", "AUDIT_KEY": "k", "AUDIT_DIR": "d"}
    assert only(given, ["AUDIT_", "SHOP"]) == {"PATH": "/bin", "LC_ALL": "C"}


def test_capitals_in_the_name_of_a_variable_make_no_difference() -> None:
    assert only({"shop_api_keys": "a:b", "no_proxy": "x"}, ["SHOP_API_KEYS"]) == {
        "shop_api_keys": "a:b",
        "no_proxy": "x",
    }
    assert only({"shop_api_keys": "a:b"}, ()) == {}


def test_no_usual_variable_is_a_secret() -> None:
    planted = {"SHOP_API_KEYS": "", "AUDIT_KEY": "", "GITHUB_TOKEN": "", "AWS_SECRET_ACCESS_KEY": "", "PGPASSWORD": ""}
    assert only(planted, ()) == {}


def test_the_program_takes_over_the_process_with_its_arguments() -> None:
    given = {"PATH": os.environ["PATH"], "MINE": 'a\'b "c" $d\n', "OTHERS": "x", "A_KEY": "y"}
    command = [sys.executable, "-I", "-S", environment.__file__, "MINE,A_*", sys.executable, *SHOW]
    with subprocess.Popen(command, env=given, stdout=subprocess.PIPE) as process:
        out, _ = process.communicate(timeout=30)
    pid, inherited = json.loads(out)
    assert pid == process.pid
    assert {name: inherited.get(name) for name in given} == {**given, "OTHERS": None}


def test_a_program_that_is_not_there_is_named() -> None:
    command = [sys.executable, "-I", "-S", environment.__file__, "", "no-such-program"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stderr) == (1, "error: no-such-program: No such file or directory\n")
