"""What a command line runs: the program, the package or image, and a URL it leads to. Nothing of it is run."""

import re
from collections.abc import Iterator, Sequence
from itertools import dropwhile

from callgate.core.inventory.secrecy import is_reference, looks_secret, shown, split_url
from callgate.model.base import Fact

_PACKAGE = re.compile(r"(?:@[a-z0-9][\w.~-]{0,80}/)?[A-Za-z0-9][\w.~-]{0,100}(?:\[[\w,-]{1,40}\])?", re.ASCII)
_IMAGE = re.compile(r"[a-z0-9][a-z0-9._/:-]{0,160}", re.ASCII)
_VERSION = re.compile(r"[vV]?\d[\w.+-]{0,40}", re.ASCII)
_FLAG = re.compile(r"--?([A-Za-z][\w-]{0,60})(?:=(.*))?", re.DOTALL)
_PAIR = re.compile(r"([A-Za-z_][A-Za-z0-9_]{0,100})=(.*)", re.DOTALL)
_HEADER = re.compile(r"([A-Za-z][A-Za-z0-9-]{0,60}):\s*(.*)", re.DOTALL)

_MAX_ARGUMENTS = 200
SHELLS = frozenset({"sh", "bash", "zsh", "dash", "fish", "cmd", "powershell", "pwsh"})
BRIDGES = frozenset({"mcp-remote", "mcp-proxy", "supergateway", "mcp-remote-client"})
"""Packages that speak stdio here and HTTP to a URL in their arguments."""
_RUNNERS: dict[str, tuple[tuple[str, ...], frozenset[str], frozenset[str], frozenset[str]]] = {
    # program: words before the package, flags without a value, flags with one, flags whose value is the package
    "npx": ((), frozenset({"-y", "--yes", "-q", "--quiet", "--no-install", "--prefer-offline"}), frozenset(), frozenset({"-p", "--package"})),
    "bunx": ((), frozenset({"-y", "--yes", "--bun", "--silent"}), frozenset(), frozenset({"-p", "--package"})),
    "pnpm": (("dlx",), frozenset({"--silent", "-s"}), frozenset(), frozenset({"--package"})),
    "yarn": (("dlx",), frozenset({"-q", "--quiet"}), frozenset(), frozenset({"-p", "--package"})),
    "bun": (("x",), frozenset({"-y", "--bun"}), frozenset(), frozenset()),
    "uvx": ((), frozenset({"-q", "--quiet", "--no-cache", "--isolated", "--offline", "--refresh"}), frozenset({"--python", "-p", "--with", "--index-url", "--directory", "--index", "--default-index"}), frozenset({"--from"})),
    "pipx": (("run",), frozenset({"-q", "--quiet", "--no-cache"}), frozenset({"--python", "--pip-args", "--index-url"}), frozenset({"--spec"})),
}  # fmt: skip
_CONTAINERS = frozenset({"docker", "podman", "nerdctl"})
_CONTAINER_SWITCHES = frozenset(
    {"-i", "-t", "-it", "-ti", "-d", "--rm", "--init", "--interactive", "--tty", "--privileged", "--read-only"}
)
_CONTAINER_VALUES = frozenset(
    {"-e", "--env", "-v", "--volume", "-p", "--publish", "--name", "--mount", "--network", "--net", "--env-file", "-w"}
    | {"--workdir", "--user", "-u", "--entrypoint", "--add-host", "--label", "-l", "--platform", "--pull", "--cap-drop"}
    | {"--security-opt", "--memory", "-m", "--cpus", "--hostname", "-h", "--tmpfs", "--dns"}
)


class CommandLine(Fact, frozen=True):
    """``package`` without its version; ``image``: it is a container image; ``url``: where a bridge leads."""

    program: str
    package: str = ""
    pinned: bool = True
    fetched: bool = False
    """A registry is asked at each start."""
    image: bool = False
    url: str = ""
    in_shell: bool = False
    gate: bool = False
    """It is ``callgate stdio``."""
    gate_integration: str = ""
    """What it names; empty: all."""

    @property
    def text(self) -> str:
        """Program and package, safe to show."""
        program = shown(self.program, 60) or "?"
        return f"{program} {self.package}" if self.package else program


def base_name(path: str) -> str:
    r"""``npx`` of ``/usr/bin/npx`` and of ``C:\x\npx.cmd``."""
    name = re.split(r"[/\\]", path.strip())[-1]
    return re.sub(r"\.(?:exe|cmd|bat|ps1)$", "", name, flags=re.IGNORECASE)


def read_command(program: str, args: Sequence[str]) -> CommandLine:
    name, args = base_name(program), args[:_MAX_ARGUMENTS]
    if name.lower() in SHELLS:
        return _in_shell(name, args)
    if name == "env":
        rest = list(dropwhile(_PAIR.fullmatch, args))
        if rest and not rest[0].startswith("-"):
            return read_command(rest[0], rest[1:])
    if name == "callgate" and list(args[:1]) == ["stdio"]:
        return CommandLine(program=name, gate=True, gate_integration=_gate_name(args[1:]), url=_gate_url(args))
    if name == "uv" and list(args[:2]) == ["tool", "run"]:
        return _packaged("uv", "uvx", args[2:])
    if name in _RUNNERS:
        return _packaged(name, name, args)
    if name in _CONTAINERS:
        return _contained(name, args)
    if name.startswith("python") and len(args) > 1 and args[0] == "-m" and _PACKAGE.fullmatch(args[1]):
        return CommandLine(program=name, package=_safe(args[1].replace("_", "-")))
    url = _first_url(args) if name in BRIDGES else ""
    return CommandLine(program=name, url=url)


def _in_shell(name: str, args: Sequence[str]) -> CommandLine:
    """``cmd /c npx …`` is how Windows starts scripts, and no shell to speak of."""
    if name.lower() == "cmd" and len(args) > 1 and args[0].lower() == "/c" and " " not in args[1]:
        return read_command(args[1], args[2:])
    return CommandLine(program=name, in_shell=True)


def _packaged(program: str, runner: str, args: Sequence[str]) -> CommandLine:
    words, switches, valued, package_flags = _RUNNERS[runner]
    rest = list(args)
    for word in words:
        if not rest or rest.pop(0) != word:
            return CommandLine(program=program)
    chosen = ""
    while rest:
        arg = rest.pop(0)
        flag, equals, value = arg.partition("=")
        if not arg.startswith("-"):
            chosen = chosen or arg
            break
        if flag in package_flags:
            chosen = value if equals else (rest.pop(0) if rest else "")
        elif flag in valued:
            rest = rest if equals else rest[1:]
        elif flag not in switches:
            return CommandLine(program=program, fetched=True, pinned=False)
    return _of_package(program, chosen, args)


def _of_package(program: str, spec: str, args: Sequence[str]) -> CommandLine:
    name, version = _parted(spec)
    if not _PACKAGE.fullmatch(name) or looks_secret(name):
        return CommandLine(program=program, fetched=bool(spec), pinned=False)
    bare = name.partition("[")[0]
    return CommandLine(
        program=program,
        package=_safe(bare),
        pinned=bool(_VERSION.fullmatch(version)),
        fetched=True,
        url=_first_url(args) if bare in BRIDGES else "",
    )


def _parted(spec: str) -> tuple[str, str]:
    if "==" in spec:
        name, _, version = spec.partition("==")
        return name, version
    head, at, version = spec[1:].partition("@")
    return spec[:1] + head, version if at else ""


def _contained(program: str, args: Sequence[str]) -> CommandLine:
    rest = list(args)
    if not rest or rest.pop(0) != "run":
        return CommandLine(program=program)
    while rest:
        arg = rest.pop(0)
        if not arg.startswith("-"):
            if not _IMAGE.fullmatch(arg) or looks_secret(arg):
                break
            name, _, digest = arg.partition("@")
            head, colon, tag = name.rpartition(":")
            tagged = colon and "/" not in tag
            pinned = bool(digest) or bool(tagged and _VERSION.fullmatch(tag))
            return CommandLine(program=program, package=_safe(head if tagged else name), image=True, pinned=pinned)
        flag = arg.partition("=")[0]
        if flag in _CONTAINER_VALUES:
            rest = rest if "=" in arg else rest[1:]
        elif flag not in _CONTAINER_SWITCHES:
            break
    return CommandLine(program=program)


def _safe(name: str) -> str:
    return shown(name, 120)


def _first_url(args: Sequence[str]) -> str:
    return next((arg for arg in args if arg.startswith(("http://", "https://")) and split_url(arg)), "")


def _gate_name(args: Sequence[str]) -> str:
    """The integration that ``callgate stdio`` is given: its one positional argument."""
    rest = list(args)
    while rest:
        arg = rest.pop(0)
        if not arg.startswith("-"):
            return arg
        if "=" not in arg and rest and not rest[0].startswith("-"):
            rest.pop(0)
    return ""


def _gate_url(args: Sequence[str]) -> str:
    for number, arg in enumerate(args):
        if arg == "--endpoint" and number + 1 < len(args):
            return args[number + 1]
        if arg.startswith("--endpoint="):
            return arg.partition("=")[2]
    return ""


def secret_arguments(args: Sequence[str]) -> Iterator[int]:
    """Places of arguments that hold a secret in clear, ``--token abc`` and ``-e NAME=abc`` among them."""
    before = ""
    for number, arg in enumerate(args):
        name, value = before, arg
        flag, pair, header = _FLAG.fullmatch(arg), _PAIR.fullmatch(arg), _HEADER.fullmatch(arg)
        before = ""
        if flag:
            name, value = flag[1], flag[2] or ""
            before = "" if flag[2] is not None else flag[1]
        elif pair and not split_url(arg):
            name, value = pair[1], pair[2]
        elif header and not split_url(arg):
            name, value = header[1], header[2]
        if value and not is_reference(value) and looks_secret(value, name):
            yield number
