# SPDX-License-Identifier: Apache-2.0
"""The repositories that devstack clones from; OpenStack's are one commit with the tag pbr wants.

What they are taken from may be a partial clone, owned by somebody else; it stays as it is.
"""

from pathlib import Path

from vhost_tempest_plugin.util import process

TOP = Path(__file__).resolve().parents[2]
OURS = "vhost-tempest-plugin"
# What devstack asks for of projects that have no branch for a release.
BRANCHLESS = "master"


def take(source: Path, repository: Path, branch: str) -> str:
    """Take the newest commit of a branch, or of master where there is no such branch.

    :returns: the tag that it has now, the last one before it; empty where there is none
    """
    if _says(source, "branch", "--list", branch) == "":
        branch = BRANCHLESS
    commit = _says(source, "rev-parse", f"refs/heads/{branch}")
    # The history of one of them is hundreds of megabytes.
    begin(repository, source, commit, branch, "--depth", "1")
    described = _git(source, "describe", "--tags", "--abbrev=0", commit, check=False)
    tag = described.stdout.strip()
    if described.returncode == 0:
        _git(repository, "tag", "--force", tag, commit)
    return tag


def begin(repository: Path, source: Path, commit: str, branch: str, *options: str) -> None:
    """Make a bare repository with a commit as its branch, or bring that to the commit.

    :param options: of git fetch
    """
    if not repository.exists():
        repository.parent.mkdir(parents=True, exist_ok=True)
        process.run(["git", "init", "--quiet", "--bare", f"--initial-branch={branch}", repository])
    # The name of a commit may be asked for where it is no branch's.
    pack = f"git -c safe.directory={source} -c uploadpack.allowAnySHA1InWant=true upload-pack"
    words = ["fetch", "--quiet", *options, "--no-tags", f"--upload-pack={pack}"]
    _git(repository, *words, f"file://{source}", f"+{commit}:refs/heads/{branch}")


def ours(repository: Path, commit: str, branch: str) -> str:
    """This project at a commit; its name.

    With its history: a clone takes no new commits from a repository without (git-fetch(1),
    ``--update-shallow``).
    """
    git = Path(_says(TOP, "rev-parse", "--path-format=absolute", "--git-common-dir"))
    named = _says(TOP, "rev-parse", f"{commit}^{{commit}}")
    begin(repository, git, named, branch)
    return named


def _says(source: Path, *words: str) -> str:
    return _git(source, *words).stdout.strip()


def _git(place: Path, *words: str, check: bool = True) -> process.Completed:
    trusted: list[str | Path] = ["git", "-c", f"safe.directory={place}", "-C", place]
    return process.run([*trusted, *words], check=check)
