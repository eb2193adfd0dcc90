"""SARIF and JUnit by schemas of other makers, from packages that these tests fetch: slow, and not offline."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator
from reports_builders import EVERY, SETTING, hostile, mixed

from modelguard.reports.junit import write as write_junit
from modelguard.reports.sarif import write as write_sarif

pytestmark = pytest.mark.slow

# The schema of OASIS as this package carries it (MIT); PyPI has no package with it.
SARIF_PACKAGE, SARIF_SCHEMA = "@microsoft/jest-sarif@1.0.0-beta.0", "package/lib/schemas/sarif-2.1.0-rtm.5.json"
# The schema of Jenkins as the source distribution of pytest carries it.
JUNIT_PACKAGE, JUNIT_SCHEMA = "pytest==8.4.2", "pytest-8.4.2/testing/example_scripts/junit-10.xsd"


def member(archive: Path, name: str) -> bytes:
    with tarfile.open(archive) as tar:
        file = tar.extractfile(name)
        assert file is not None
        return file.read()


@pytest.fixture(scope="module")
def sarif_schema(tmp_path_factory: pytest.TempPathFactory) -> Draft4Validator:
    npm = shutil.which("npm") or pytest.skip("the schema of SARIF comes with an npm package, and npm is not here")
    place = tmp_path_factory.mktemp("npm")
    subprocess.run([npm, "pack", SARIF_PACKAGE], cwd=place, check=True, capture_output=True, timeout=300)
    return Draft4Validator(json.loads(member(next(place.glob("*.tgz")), SARIF_SCHEMA)))


@pytest.fixture(scope="module")
def junit_schema(tmp_path_factory: pytest.TempPathFactory) -> Any:
    etree = pytest.importorskip("lxml.etree", reason="XML Schema is checked with lxml")
    place = tmp_path_factory.mktemp("pip")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", JUNIT_PACKAGE]
    subprocess.run(command, cwd=place, check=True, capture_output=True, timeout=600)
    return etree.XMLSchema(etree.fromstring(member(next(place.glob("*.tar.gz")), JUNIT_SCHEMA)))


@pytest.mark.parametrize("examinations", [EVERY, (), (mixed(),), (hostile(),)])
def test_sarif_is_valid(sarif_schema: Draft4Validator, examinations: tuple[Any, ...]) -> None:
    sarif_schema.validate(json.loads(write_sarif(examinations, SETTING)))


def test_the_schema_of_sarif_refuses_what_is_not_sarif(sarif_schema: Draft4Validator) -> None:
    document = json.loads(write_sarif(EVERY, SETTING))
    document["runs"][0]["results"][0]["level"] = "dreadful"
    assert not sarif_schema.is_valid(document)


@pytest.mark.parametrize("examinations", [EVERY, (), (mixed(),), (hostile(),)])
def test_junit_is_valid(junit_schema: Any, examinations: tuple[Any, ...]) -> None:
    from lxml import etree

    junit_schema.assertValid(etree.fromstring(write_junit(examinations, SETTING).encode()))


def test_the_schema_of_junit_refuses_what_is_not_junit(junit_schema: Any) -> None:
    from lxml import etree

    top = etree.fromstring(write_junit((mixed(),), SETTING).encode())
    etree.SubElement(top[0], "nonsense")
    assert not junit_schema.validate(top)
