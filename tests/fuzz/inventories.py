"""Configurations of assistants: read like their own readers do, never failing, never telling a secret."""

import contextlib
import json
import tomllib
from typing import Any

import msgspec

from callgate.core.inventory.document import BadDocument
from callgate.core.inventory.jsonc import parse_json
from callgate.core.inventory.judge import Knowledge
from callgate.core.inventory.places import FORMS
from callgate.core.inventory.reading import ConfigFile
from callgate.core.inventory.report import make_report, read_file
from callgate.core.inventory.toml import parse_toml
from tests.fuzz.taking import Taking

NAMES = sorted(FORMS)
SECRET = "sk-ant-api03-9fQ2xZ7LmW4vB8cT1rYp6NsE0uHaJd"


def configuration(data: bytes) -> None:
    """Any file as any form: a report, without the secret that is planted in it."""
    taking = Taking(data)
    form = taking.pick(NAMES)
    text = taking.rest().replace(b"SECRET", SECRET.encode())
    file = ConfigFile(client="c", form=form, layer="user", owner="ana", path="/home/ana/x", text=text)
    report = make_report([read_file(file)], Knowledge(), root="/")
    written = msgspec.json.encode(report)
    assert msgspec.json.decode(written, type=type(report)) == report
    assert SECRET.encode() not in written


def jsonc(data: bytes) -> None:
    """Without comments it takes what the standard library takes, within bounds, and reads the same."""
    taking = Taking(data)
    comments = taking.yes()
    try:
        text = taking.rest().decode("utf-8")
    except UnicodeDecodeError:
        return
    try:
        found = parse_json(text, comments=comments)
    except BadDocument as fault:
        assert 0 <= fault.line <= text.count("\n") + 1
        found = None
    if comments:
        return
    try:
        said = json.loads(text, parse_constant=lambda _: 1 / 0)
    except (ValueError, RecursionError, ZeroDivisionError):
        assert found is None
        return
    if found is not None:
        assert repr(found.value) == repr(said)
        for path, line in found.lines.items():
            assert 1 <= line <= text.count("\n") + 1
            value = said
            for step in path:
                value = value[step]


def toml(data: bytes) -> None:
    """The lines are of keys that are there; the values are the standard library's."""
    try:
        text = data.decode("utf-8")
        found = parse_toml(text)
    except (UnicodeDecodeError, BadDocument):
        return
    assert repr(found.value) == repr(tomllib.loads(text))
    last = text.replace("\r\n", "\n").count("\n") + 1
    for path, line in found.lines.items():
        assert 1 <= line <= last
        with contextlib.suppress(KeyError, IndexError, TypeError):
            value: Any = found.value
            for step in path:
                value = value[step]
