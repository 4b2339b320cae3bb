"""Finding configuration: known places of the machine and of each home, and projects below."""

from callgate.adapters.inventory.disk import BoundedDisk, DiskFile, LimitReached
from callgate.core.inventory.codes import finding
from callgate.core.inventory.places import (
    EMPTY_BYTES,
    HOME,
    LOGINS,
    MACHINE,
    MARKERS,
    PROJECT,
    LoginPlace,
    Place,
    holds_words,
)
from callgate.core.inventory.reading import ConfigFile
from callgate.core.inventory.secrecy import shown
from callgate.model.inventory import AmbientLogin, ConfigFinding

_NOISE = frozenset(
    {
        "node_modules",
        ".git",
        ".hg",
        ".svn",
        ".cache",
        ".venv",
        "venv",
        "__pycache__",
        ".tox",
        ".npm",
        ".cargo",
        ".rustup",
    }
    | {
        "site-packages",
        "Caches",
        ".Trash",
        "target",
        ".gradle",
        ".m2",
        ".local",
        ".vscode-server",
        "proc",
        "sys",
        "dev",
    }
)
"""Folders in which nobody works on a project, or that have no end."""
_IN_HOME = frozenset({".codex", ".claude", ".cursor", ".vscode", ".gemini", ".config", ".opencode", ".zed", ".codeium"})
_MACHINE_NAMES = frozenset({"etc", "usr"})
_WORK_NAMES = frozenset({"srv", "opt", "workspace", "workspaces", "work", "app", "code", "projects"})
_HOMES = ("home/*", "root", "Users/*")
_PLUGIN_STARS = 3


class Search:
    """Collects; ask for its results afterwards."""

    def __init__(self, disk: BoundedDisk) -> None:
        self._disk = disk
        self._seen: set[tuple[str, str]] = set()
        self._troubled: set[tuple[str, str]] = set()
        self.files: list[ConfigFile] = []
        self.logins: list[AmbientLogin] = []
        self.troubles: list[ConfigFinding] = []
        self.complete = True

    def homes(self) -> list[str]:
        """Home folders of a root that is not this machine's own."""
        found = [path for pattern in _HOMES for path in self._disk.match(pattern)]
        return [path for path in found if self._disk.names(path)]

    def workplaces(self) -> list[str]:
        """Where projects lie: the root itself, or, when it is a whole machine's, what is neither system nor home."""
        names = {name for name, is_folder in self._disk.names("") if is_folder}
        if not names >= _MACHINE_NAMES:
            return [""]
        return sorted(names & _WORK_NAMES)

    def machine(self) -> None:
        for place in MACHINE:
            owner = "managed" if place.layer == "managed" else "system"
            self._place(place, "", owner)

    def home(self, home: str, codex_home: str = "") -> None:
        """``codex_home``: another folder than ``.codex``."""
        owner = f"user {shown(home.rpartition('/')[2])}" if home else "user"
        for place in HOME:
            if codex_home and place.path.startswith(".codex/"):
                self._take(place, f"{codex_home}/{place.path.partition('/')[2]}", owner, home=home)
            else:
                self._place(place, home, owner, home=home)
        for login in LOGINS:
            self._login(login, home, owner)

    def project(self, folder: str, *, home: str = "") -> None:
        """``folder`` as its own files name it: with a slash in front."""
        below = folder.strip("/")
        for place in PROJECT:
            self._place(place, below, f"project {shown('/' + below)}", home=home, folder="/" + below)

    def walk(self, start: str, *, home: str = "", is_home: bool = False) -> None:
        """Looks for projects in a folder and below; links are not followed. A home itself is no project."""
        level = [start]
        for _ in range(self._disk.limits.depth + 1):
            following: list[str] = []
            for folder in level:
                names = self._disk.names(folder)
                if not (is_home and folder == start) and any(
                    name in MARKERS or name.endswith(".code-workspace") for name, _ in names
                ):
                    self.project(folder, home=home)
                following += [
                    f"{folder}/{name}" if folder else name
                    for name, is_folder in names
                    if is_folder and name not in _NOISE and name not in _IN_HOME
                ]
            level = following
        if level:
            where = shown("/" + start)
            self.troubles.append(
                finding("search_depth", file=where, says=f"{self._disk.limits.depth} levels were looked at.")
            )

    def passed_over(self) -> None:
        """Says which folders were not listed whole; call it last."""
        for path, says in sorted(self._disk.passed_over.items()):
            self.complete = False
            self.troubles.append(finding("unreadable", file=shown("/" + path, 400), says=says))

    def ended(self) -> None:
        """A limit was reached."""
        self.complete = False
        self.troubles.append(finding("search_ended", file="/"))

    def _place(self, place: Place, base: str, owner: str, *, home: str = "", folder: str = "") -> None:
        self._take(place, f"{base}/{place.path}" if base else place.path, owner, home=home, folder=folder)

    def _take(self, place: Place, pattern: str, owner: str, *, home: str = "", folder: str = "") -> None:
        for path in self._disk.match(pattern) if "*" in pattern else [pattern]:
            found = self._disk.read(path)
            if found is None or (found.path, place.form) in self._seen:
                continue
            if found.problem:
                self._trouble(found, place.client)
                continue
            self._seen.add((found.path, place.form))
            plugin = _plugin_of(place, pattern, path)
            self.files.append(
                ConfigFile(
                    client=place.client,
                    form=place.form,
                    layer=place.layer,
                    owner=f"{place.layer} {shown(plugin)}" if plugin else owner,
                    path=shown("/" + path, 400),
                    text=found.text,
                    home=home,
                    folder=folder,
                    plugin=plugin,
                    place=found.path,
                    for_others=bool(found.mode & 0o044),
                    by_others=bool(found.mode & 0o022),
                )
            )

    def _trouble(self, found: DiskFile, client: str) -> None:
        if (found.path, found.problem) not in self._troubled:
            self._troubled.add((found.path, found.problem))
            self.complete = False
            self.troubles.append(finding(found.problem, file=shown("/" + found.path, 400), client=client))

    def _login(self, login: LoginPlace, home: str, owner: str) -> None:
        for path in self._disk.match(f"{home}/{login.path}" if home else login.path)[:1]:
            if login.words:
                found = self._disk.read(path)
                there = found is not None and not found.problem and holds_words(found.text, login.words)
            else:
                status = self._disk.status(path)
                there = status is not None and status.st_size > EMPTY_BYTES
            if there:
                self.logins.append(AmbientLogin(kind=login.kind, file=shown("/" + path, 400), owner=owner))


def _plugin_of(place: Place, pattern: str, path: str) -> str:
    """``plugin@market``, or the extension's name, from the parts of the path that stars stand for."""
    stars = [name for name, part in zip(path.split("/"), pattern.split("/"), strict=True) if "*" in part]
    stars = stars[-_PLUGIN_STARS:] if len(place.plugin) > 1 else stars[-1:]
    return "@".join(stars[number].removesuffix(".json") for number in place.plugin)


__all__ = ["LimitReached", "Search"]
