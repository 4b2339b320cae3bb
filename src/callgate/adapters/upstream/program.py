"""What a local server is made of, as far as files tell without running it: the program, and the package behind it.

An interpreter is not a part of it, for it changes with the system: what it is told to run is. Of a package that a
launcher fetches (``npx``, ``uvx``, a container) nothing is known but the words of the command.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from callgate.model.tool import ProgramPart

MOST_BYTES = 512 << 20
"""Of one file; the size and time of a larger one stand for it."""
_PYTHON = re.compile(r"python[0-9.]*|pypy[0-9.]*")
_INTERPRETERS = frozenset(
    ("node", "nodejs", "deno", "bun", "ruby", "perl", "php", "java", "dotnet", "bash", "sh", "dash", "zsh", "env")
)
_LAUNCHERS = frozenset(
    ("npx", "npm", "pnpm", "yarn", "bunx", "uv", "uvx", "pipx", "docker", "podman", "nix", "go", "cargo")
)
_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_digests: dict[tuple[str, int, int, int], str] = {}
_MOST_KEPT = 512


def program_of(command: tuple[str, ...], path: str, cwd: str) -> tuple[ProgramPart, ...]:
    """Empty: nothing is known. ``path``: where programs are looked for; ``cwd``: where the server starts.

    Reads files, some of them large: not for the event loop.
    """
    try:
        return _parts(command, path, Path(cwd))
    except (OSError, ValueError, RuntimeError):
        return ()


def _parts(command: tuple[str, ...], path: str, cwd: Path) -> tuple[ProgramPart, ...]:
    found = shutil.which(str(Path(command[0]).expanduser()), path=path) if command else None
    if found is None:
        return ()
    program = Path(found).absolute()
    if _PYTHON.fullmatch(program.name):
        return _of_python(program, command[1:], cwd)
    if program.name in _INTERPRETERS:
        script = _script(command[1:], cwd)
        return _of_file(script) if script is not None else ()
    if program.name in _LAUNCHERS:
        return ()
    return _of_file(program)


def _of_file(path: Path) -> tuple[ProgramPart, ...]:
    """The file itself, and the package that it belongs to."""
    real = path.resolve()
    parts = [ProgramPart(name=f"file {path}", text=_digest(real))]
    package = _python_package(path) or _node_package(real)
    return (*parts, package) if package else tuple(parts)


def _of_python(program: Path, words: tuple[str, ...], cwd: Path) -> tuple[ProgramPart, ...]:
    for number, word in enumerate(words):
        if word == "-m" and number + 1 < len(words):
            package = _with_module(program, words[number + 1])
            return (package,) if package else ()
        if word == "-c":
            return ()
        if not word.startswith("-"):
            break
    script = _script(words, cwd)
    return _of_file(script) if script is not None else ()


def _script(words: tuple[str, ...], cwd: Path) -> Path | None:
    """The first word that names a file."""
    for word in words:
        if not word.startswith("-"):
            path = cwd / Path(word).expanduser()
            if path.is_file():
                return path
    return None


def _digest(path: Path) -> str:
    try:
        about = path.stat()
        key = (str(path), about.st_ino, about.st_size, about.st_mtime_ns)
        if about.st_size > MOST_BYTES:
            return f"{about.st_size} bytes, changed at {about.st_mtime_ns}"
        known = _digests.get(key)
        if known is None:
            with path.open("rb") as source:
                known = f"sha256:{hashlib.file_digest(source, 'sha256').hexdigest()}"
            if len(_digests) >= _MOST_KEPT:
                _digests.clear()
            _digests[key] = known
    except OSError:
        return "cannot be read"
    return known


def _python_package(program: Path) -> ProgramPart | None:
    """The distribution that installed a script of this name beside its interpreter."""
    if program.parent.name != "bin":
        return None
    return _with_script(program.name, _sites(program.parent.parent))


def _sites(prefix: Path) -> tuple[tuple[str, int], ...]:
    """Folders of packages, with the time when one came or went."""
    return tuple((str(site), site.stat().st_mtime_ns) for site in sorted(prefix.glob("lib/python*/site-packages")))


@lru_cache(maxsize=64)
def _with_script(name: str, sites: tuple[tuple[str, int], ...]) -> ProgramPart | None:
    for info in _installed(sites):
        scripts = (line.partition("=")[0].strip() for line in _lines(info / "entry_points.txt"))
        if name in scripts:
            return _package(info)
    return None


def _with_module(program: Path, module: str) -> ProgramPart | None:
    if not _MODULE.fullmatch(module):
        return None
    prefixes = dict.fromkeys((program.parent.parent, program.resolve().parent.parent))
    return _that_holds(module.partition(".")[0], tuple(site for prefix in prefixes for site in _sites(prefix)))


@lru_cache(maxsize=64)
def _that_holds(root: str, sites: tuple[tuple[str, int], ...]) -> ProgramPart | None:
    wanted = (f"{root}/", f"{root}.py,", f"__editable__.{root}", f"__editable___{root}")
    for info in _installed(sites):
        if any(line.startswith(wanted) for line in _lines(info / "RECORD")):
            return _package(info)
    return None


def _installed(sites: tuple[tuple[str, int], ...]) -> Iterator[Path]:
    """Folders about installed distributions (PyPA, "Recording installed projects")."""
    for site, _ in sites:
        yield from sorted(Path(site).glob("*.dist-info"))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []


def _package(info: Path) -> ProgramPart:
    name, _, version = info.name.removesuffix(".dist-info").rpartition("-")
    record = "\n".join(_lines(info / "RECORD")).encode()
    return ProgramPart(name=f"package {name}", text=f"{version}, files sha256:{hashlib.sha256(record).hexdigest()}")


def _node_package(program: Path) -> ProgramPart | None:
    """The nearest package.json above that has a name and a version, within its own folder of modules."""
    for folder in program.parents[:6]:
        try:
            said = json.loads((folder / "package.json").read_bytes())
        except (OSError, ValueError, RecursionError):
            said = None
        if isinstance(said, dict) and isinstance(said.get("name"), str) and isinstance(said.get("version"), str):
            return ProgramPart(name=f"package {said['name']}", text=said["version"])
        if folder.name == "node_modules" or os.path.ismount(folder):
            break
    return None
