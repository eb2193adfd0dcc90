"""The pytest plugin, run in projects of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from modelguard.testing.models import calling_pickle, tiny_pickle, tiny_safetensors

pytest_plugins = ["pytester"]


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two locked models, one of them in use by a test."""
    here = pytester.path
    monkeypatch.setenv("MODELGUARD_STORE", str(here / "store"))
    (here / "w.safetensors").write_bytes(tiny_safetensors())
    (here / "m.pkl").write_bytes(tiny_pickle())
    command = [sys.executable, "-m", "modelguard", "lock", "w.safetensors", "m.pkl", "--reason", "demo"]
    subprocess.run(command, cwd=here, check=True, capture_output=True)
    pytester.makepyfile(
        test_use="""
        import pytest

        @pytest.mark.model("m.pkl")
        def test_uses_the_model(guarded_load, approved_models):
            assert guarded_load("m.pkl")["bias"] == 0.25
            assert approved_models == ("file:m.pkl", "file:w.safetensors")
        """
    )
    return here


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *PLUGIN, *arguments)


# Where the project is not installed (only on the path), the entry point is not there to load the plugin.
PLUGIN = ("-p", "modelguard.pytest_plugin")
if any(
    point.value == "modelguard.pytest_plugin"
    for point in __import__("importlib.metadata").metadata.entry_points(group="pytest11")
):
    PLUGIN = ()


def test_every_locked_model_is_a_test(project: Path, pytester: pytest.Pytester) -> None:
    result = run(pytester, "-v")
    result.stdout.fnmatch_lines(
        ["*modelguard.lock::file:m.pkl PASSED*", "*modelguard.lock::file:w.safetensors PASSED*"]
    )
    result.assert_outcomes(passed=3)


def test_a_changed_model_fails_its_item_and_the_tests_that_use_it(project: Path, pytester: pytest.Pytester) -> None:
    (project / "m.pkl").write_bytes(calling_pickle("os", "system", "echo pwned"))
    result = run(pytester)
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["*digest-mismatch*"])


def test_a_model_that_nobody_approved_fails_the_test(project: Path, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_other="""
        import pytest

        @pytest.mark.model("nobody/knows")
        def test_uses_it():
            raise AssertionError("the body must not run")
        """
    )
    result = run(pytester, "test_other.py")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*the lock has no entry for this model*"])
    assert "the body must not run" not in result.stdout.str()


def test_named_test_paths_leave_the_lock_out_unless_asked_for(project: Path, pytester: pytest.Pytester) -> None:
    run(pytester, "test_use.py").assert_outcomes(passed=1)
    run(pytester, "test_use.py", "--modelguard").assert_outcomes(passed=3)


def test_a_lock_elsewhere_can_be_named(project: Path, pytester: pytest.Pytester) -> None:
    (project / "modelguard.lock").rename(project / "other.lock")
    run(pytester, "--modelguard-lock", "other.lock").assert_outcomes(passed=3)
    result = run(pytester, "--modelguard-lock", "missing.lock")
    result.stderr.fnmatch_lines(["*there is no lock at*missing.lock*"])
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_a_damaged_lock_is_a_collection_error(project: Path, pytester: pytest.Pytester) -> None:
    lock = project / "modelguard.lock"
    lock.write_bytes(lock.read_bytes()[:-20])
    result = run(pytester)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*modelguard.lock: *"])


def test_a_lock_without_the_signature_that_the_policy_wants_is_a_collection_error(
    project: Path, pytester: pytest.Pytester
) -> None:
    signer = f"[provenance.signers.us]\nmethod = 'key'\npublic-key = 'us.pem'\nspki-sha256 = '{'0' * 64}'\n"
    (project / "modelguard.toml").write_text(f"[provenance]\nlock-signers = ['us']\n{signer}")
    (project / "us.pem").write_text("")
    result = run(pytester)
    result.stdout.fnmatch_lines(["*the policy wants it signed by us*"])
    assert result.ret == pytest.ExitCode.INTERRUPTED


def test_it_works_side_by_side(project: Path, pytester: pytest.Pytester) -> None:
    run(pytester, "-n", "2").assert_outcomes(passed=3)


def test_without_a_lock_nothing_changes(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_nothing(): pass")
    run(pytester).assert_outcomes(passed=1)


def test_a_test_can_have_a_hub_of_its_own(project: Path, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_hub="""
        def test_hub(local_hub):
            local_hub.repository("acme/tiny").commit({"README.md": b"# hello"})
            assert local_hub.url.startswith("http://127.0.0.1:")
        """
    )
    run(pytester, "test_hub.py").assert_outcomes(passed=1)


def test_assert_approved_tells_why(project: Path, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_own="""
        import pytest
        from modelguard import assert_approved

        def test_own():
            assert_approved("m.pkl")
            with pytest.raises(AssertionError, match="not-locked"):
                assert_approved("nobody/knows")
        """
    )
    run(pytester, "test_own.py").assert_outcomes(passed=1)


def test_enforce_fails_a_test_that_loads_around_the_guard(project: Path, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_use="""
        import joblib

        def test_loads_around_the_guard():
            joblib.load("m.pkl")

        def test_loads_through_the_guard(guarded_load):
            assert guarded_load("m.pkl")["bias"] == 0.25
        """
    )
    run(pytester, "test_use.py").assert_outcomes(passed=2)
    result = run(pytester, "test_use.py", "--modelguard-enforce")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*ModelRefused*joblib*around the guard*"])


@pytest.mark.parametrize("marker", ["model()", "model", 'model(ref="m.pkl")'])
def test_a_marker_that_names_no_model_fails_the_test(project: Path, pytester: pytest.Pytester, marker: str) -> None:
    pytester.makepyfile(
        test_use=f"""
        import pytest

        @pytest.mark.{marker}
        def test_uses_something():
            pass
        """
    )
    result = run(pytester, "test_use.py")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*the marker names no model*"])


def test_a_test_that_deletes_the_lock_approves_nothing_and_breaks_nothing(
    project: Path, pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(
        test_use="""
        from pathlib import Path
        import pytest

        def test_deletes_the_lock():
            Path("modelguard.lock").unlink()

        @pytest.mark.model("m.pkl")
        def test_uses_the_model():
            pass
        """
    )
    (project / "m.pkl").write_bytes(calling_pickle("os", "system", "echo pwned"))
    result = run(pytester, "test_use.py", "modelguard.lock")
    result.assert_outcomes(passed=2, failed=2)  # the deletion and w.safetensors; the use and m.pkl
