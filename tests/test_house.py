"""Facts that several files of the repository state, and that would drift apart."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def project() -> dict[str, Any]:
    return tomllib.loads(text("pyproject.toml"))["project"]


def constraints() -> dict[str, str]:
    return dict(re.findall(r"(?m)^([\w.-]+)==(\S+)$", text("constraints.txt")))


def bounds() -> dict[str, str]:
    """Lower bound by distribution, of the dependencies and every extra."""
    extras = project()["optional-dependencies"].values()
    lines = [*project()["dependencies"], *(line for extra in extras for line in extra)]
    return dict(m.groups() for m in map(re.compile(r"([\w.-]+)>=([\d.]+)").match, lines) if m)


def test_version_and_date_of_the_citation() -> None:
    citation = yaml.safe_load(text("CITATION.cff"))
    assert citation["version"] == project()["version"]
    assert citation["license"] == project()["license"]
    version, date = re.findall(r"(?m)^## (\S+) \((.+)\)$", text("CHANGELOG.md"))[0]
    assert version == project()["version"]
    assert str(citation.get("date-released", "unreleased")) == date


def test_the_cited_paper_is_that_of_the_readme() -> None:
    paper = yaml.safe_load(text("CITATION.cff"))["preferred-citation"]
    readme = " ".join(text("README.md").split())
    assert f"[*{paper['title']}*]({paper['url']}) (ISMIR {paper['year']})" in readme
    assert [a["family-names"] for a in paper["authors"]] == ["Castellon", "Donahue", "Liang"]


def test_hooks_lint_by_the_versions_of_ci() -> None:
    config = yaml.safe_load(text(".pre-commit-config.yaml"))
    pinned = {repo["repo"].rpartition("/")[2]: repo["rev"] for repo in config["repos"]}
    assert pinned["ruff-pre-commit"] == f"v{constraints()['ruff']}"
    assert pinned["zizmor-pre-commit"] == f"v{constraints()['zizmor']}"


def test_every_dependency_has_a_lower_bound_and_a_tested_version() -> None:
    def key(version: str) -> list[int]:
        return [int(part) for part in version.split(".")[:3]]

    known = constraints()
    for name, lower in bounds().items():
        assert key(lower) <= key(known[name]), name
    for line in project()["dependencies"]:
        assert re.fullmatch(r"[\w-]+>=[\d.]+", line), line


def test_linters_and_editors_agree_on_the_length_of_lines() -> None:
    length = tomllib.loads(text("pyproject.toml"))["tool"]["ruff"]["line-length"]
    assert f"\n[*.py]\nmax_line_length = {length}\n" in text(".editorconfig")


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_issue_forms_are_whole(path: Path) -> None:
    """GitHub drops a form with a mistake from the list, and says so only to whoever looks."""
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    if path.stem == "config":
        assert set(form) == {"blank_issues_enabled", "contact_links"}
        assert all(set(link) == {"name", "url", "about"} for link in form["contact_links"])
        return
    assert {"name", "description", "body"} <= set(form)
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert {field["type"] for field in fields} <= {"input", "textarea", "dropdown", "checkboxes"}
    assert all(field["attributes"]["label"] for field in fields)
    ids = [field["id"] for field in fields]
    assert len(ids) == len(set(ids)) > 0
    assert any(field.get("validations", {}).get("required") for field in fields)
