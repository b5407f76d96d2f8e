"""What the documents say is so: commands, settings, parameters, runbooks and links exist."""

import fnmatch
import re
import subprocess
from pathlib import Path

import pytest

from cli.dev.docs import README, SCHEMA, describe_type, update_readme
from cli.settings import PROJECT
from pipeline_contract.settings import SETTINGS

DOCUMENTS = sorted(
    PROJECT / name
    for name in subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=PROJECT, capture_output=True, text=True, check=True,
    ).stdout.split()
)  # fmt: skip
RUNBOOK_INDEX = PROJECT / "runbooks" / "README.md"
RUNBOOKS = sorted({*(PROJECT / "runbooks").glob("*.md")} - {RUNBOOK_INDEX})
MAKEFILE = (PROJECT / "Makefile").read_text()
#: Names in capitals that are no settings of ours, and whose they are.
NO_SETTINGS = {
    **dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"), "the AWS command line's"),
    **dict.fromkeys(("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "HTTPS_PROXY"), "of network libraries"),
    **dict.fromkeys(("SERVING_MODEL_CONFIG", "INVALID_PARAMETER_VALUE"), "of MLflow's model server"),
    "ACCESS_KEY": "the end of several names, to look for",
    "PYTHON": "make's own",
    "REPO_URI": "apt's",
}


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE))


def make_variables() -> set[str]:
    """Return the variables that a command takes from make."""
    (line,) = re.findall(r"^VARIABLES := (.+)$", MAKEFILE, re.MULTILINE)
    return set(line.split())


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_quoted_make_targets_exist(document: Path) -> None:
    """Every `make target` that a document quotes is in the Makefile."""
    text = document.read_text()
    names = set(re.findall(r"(?:^|\$ )make ([a-z][a-z-]*)", text, re.MULTILINE))
    # Between backticks there may be several, and nothing else in small letters.
    names |= {name for part in re.findall(r"`make ([a-z][a-z -]*)", text) for name in part.split()}
    assert names - make_targets() == set()


def test_the_index_has_each_runbook_by_what_one_sees() -> None:
    """Who sees a fault finds its page, under the page's own title."""
    titles = {path.name: path.read_text().splitlines()[0].removeprefix("# ") for path in RUNBOOKS}
    found = re.findall(r"^- \[(.+)\]\((.+)\)$", RUNBOOK_INDEX.read_text(), re.MULTILINE)
    assert {name: title for title, name in found} == titles
    assert len(found) == len(titles)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_links_lead_somewhere(document: Path) -> None:
    """Every relative link in a document names a file that is there."""
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", document.read_text()):
        assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_named_settings_exist(document: Path) -> None:
    """Every setting and variable that a document names, or gives a value, is one of the table or taken by make."""
    text = document.read_text()
    # A name of several words, an asterisk standing for some; or one of a single word that is given a value.
    named = set(re.findall(r"(?<![\w.*])([A-Z][A-Z0-9]*(?:_[A-Z0-9*]+)+)", text))
    named |= set(re.findall(r"(?<![\w.*])([A-Z]{2,})=", text))
    known = {*SETTINGS, *make_variables(), *NO_SETTINGS}
    assert [name for name in sorted(named) if not fnmatch.filter(known, name)] == []


def test_no_name_is_excused_in_vain() -> None:
    """What is said to be no setting is none, and is named by a document."""
    assert not NO_SETTINGS.keys() & SETTINGS.keys()
    text = "\n".join(document.read_text() for document in DOCUMENTS)
    assert [name for name in NO_SETTINGS if name not in text] == []


def test_parameters_in_the_readme_are_the_workers() -> None:
    """The README's table of parameters is what the schema makes."""
    assert update_readme(README, SCHEMA) == README.read_text(), "run `make docs`"


def test_a_parameter_of_a_few_values_lists_them() -> None:
    """Where only some values are taken, the README's table names each; null is none that anybody gives."""
    choices = {"anyOf": [{"enum": ["a", "b"], "type": "string"}, {"type": "null"}]}
    assert describe_type(choices) == "one of `a`, `b`"
    assert describe_type({"const": "holdout", "type": "string"}) == "`holdout`"
    assert "`LogisticRegression`" in README.read_text()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_named_files_exist(document: Path) -> None:
    """Every file and folder of the repository that a document names is there."""
    folders = "benchmarks|contract|dags|examples|cli|minio|runbooks|tests|worker"
    for name in re.findall(rf"`((?:{folders})/[\w./-]*)`", document.read_text()):
        assert (PROJECT / name).exists(), name


def test_named_versions_are_the_locked_ones() -> None:
    """The versions in the README's first lines are those that are installed."""
    top = README.read_text().partition("## ")[0]
    for name, package, lock in (
        ("Airflow", "apache-airflow", "dags/requirements.lock"),
        ("MLflow", "mlflow", "worker/mlflow.lock"),
        ("Great Expectations", "great-expectations", "worker/requirements.lock"),
        ("scikit-learn", "scikit-learn", "worker/requirements.lock"),
    ):
        found = re.search(rf"^{package}==(\d+\.\d+)\.", (PROJECT / lock).read_text(), re.MULTILINE)
        assert found
        assert f"{name} {found.group(1)}" in top


def test_every_error_names_a_runbook_that_exists() -> None:
    """The runbook that an error points to is there."""
    named = set()
    for folder in ("contract", "worker/src", "dags", "cli"):
        for source in PROJECT.glob(f"{folder}/**/*.py"):
            named |= set(re.findall(r"runbooks/[a-z-]+\.md", source.read_text()))
    assert named
    for path in named:
        assert (PROJECT / path).is_file(), path


@pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda path: path.name)
def test_runbooks_have_one_form(runbook: Path) -> None:
    """Each runbook tells what one sees, what it means, its impact, how to confirm, fix, verify and replay."""
    headings = re.findall(r"^## (.+)$", runbook.read_text(), re.MULTILINE)
    assert headings == ["What you see", "What it means", "Impact", "Confirm", "Fix", "Verify", "Replay"]


def test_every_dag_is_in_the_readme() -> None:
    """The README's table of Dags has every Dag file."""
    dags = {path.stem for path in (PROJECT / "dags").glob("*.py")}
    assert {"watch", "ingest", "validate", "train", "publish"} <= dags
    assert [name for name in sorted(dags) if f"`{name}`" not in README.read_text()] == []


def test_lock_files_carry_hashes_and_no_address() -> None:
    """Every lock file pins by hash, and names no index."""
    locks = sorted(PROJECT.glob("*/*.lock"))
    assert len(locks) == 8
    for lock in locks:
        text = lock.read_text()
        assert "--hash=sha256:" in text
        assert "://" not in text
        for block in re.split(r"\n(?=[a-zA-Z0-9])", text):
            if "==" in block.split("\n")[0]:
                assert "--hash=sha256:" in block, block.split("\n")[0]
