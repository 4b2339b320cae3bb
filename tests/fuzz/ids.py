"""Names and ids that rules compare: URIs, paths, patterns, arguments that decide, public names, shown text."""

import contextlib
import json
import posixpath
import re
from typing import Any
from urllib.parse import quote, unquote

from callgate.core.domains import DomainMap
from callgate.core.name_table import build_names, look
from callgate.core.patterns import Patterns, pattern_problem
from callgate.core.selectors import NORMALISERS
from callgate.core.toolbox import Selector, ToolProfile
from callgate.core.uris import FILE, resource_target, template_target
from callgate.core.visible import all_visible, fold, shorten, visible
from callgate.model.bundle import Domain
from callgate.model.terms import Tier
from callgate.model.tool import TargetRule, TierRule, ToolManifest, ToolPin
from tests.fuzz.taking import Taking

SAFE = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"


def squeezed(text: str) -> str:
    return re.sub("/{2,}", "/", text)


def uri(data: bytes) -> None:
    """Every spelling of a resource aims at the same ids; no id can be read as something else."""
    taking = Taking(data)
    place, text = taking.number(255), taking.rest().decode("utf-8", "replace")
    template_target("x", text)
    found = resource_target("x", text)
    if found is None:
        return
    kind, ids = found
    for one in ids:
        assert one.isprintable()
        # A path has no query or fragment: "?" and "#" in it are characters of a name.
        whole = one if kind == FILE else re.split(r"[?#]", one.partition(":")[2])[0]
        assert not {".", ".."} & set(whole.split("/"))
        assert not re.search("%[0-9A-Fa-f]{2}", one) or squeezed(unquote(one)) in map(squeezed, ids)
    if kind == FILE:
        (path,) = ids
        assert path.startswith("/")
        rest = re.sub(r"^file:(//[^/]*)?", "", text, flags=re.IGNORECASE)
        assert posixpath.normpath("/" + unquote(rest).lstrip("/")) == path
        assert resource_target("x", "file://" + quote(path)) in (found, None)
    else:
        assert ids[0].startswith("x/")
        again = resource_target("x", ids[0].removeprefix("x/"))
        assert again == found, (again, found)
    at = place % len(text)
    if text[at] in SAFE and ":" in text[:at] and not re.search("%.?$", text[:at]):
        other = resource_target("x", f"{text[:at]}%{ord(text[at]):02x}{text[at + 1 :]}")
        assert other is None or other == found or other[1][-1] == found[1][-1], (other, found)


def profile(tier: Tier = Tier.EXECUTE, **rules: Any) -> ToolProfile:
    pin = ToolPin(integration="x", name="t", digest="d", definition=b'{"inputSchema":{"type":"object"}}')
    return ToolProfile(pin, ToolManifest(name="t", tier=tier, say="Do.", **rules), DomainMap(()), "", verified=True)


RULES = (
    TargetRule(kind="k", path="a"),
    TargetRule(kind="k", path="a", normalise="posix_path"),
    TargetRule(kind="k", path="a", normalise="repository_path"),
    TargetRule(kind="k", path="a", normalise="lower"),
    TargetRule(kind="k", path="a[].b", normalise="posix_path"),
    TargetRule(kind="k", template="{a}/{b.c}"),
    TargetRule(kind="k", template="x:{a}"),
)
PROFILES = tuple(profile(targets=(rule,)) for rule in RULES)


def target(data: bytes) -> None:
    """Arguments give ids in their one form, or a problem and none."""
    try:
        given = json.loads(data)
    except (ValueError, RecursionError):
        return
    if not isinstance(given, dict):
        return
    for rule, tool in zip(RULES, PROFILES, strict=True):
        problem = {finding.code for finding in tool.target_findings(given)}
        ids = [found.id for found in tool.targets_of(given)]
        assert not (ids and problem)
        assert problem <= {"target_missing", "bad_target", "too_many_targets"}
        if rule.template and ids:
            assert (ids[0].count("/") == 1) or rule.template == "x:{a}"
        for one in ids:
            assert one
            assert one.isprintable()
            assert one == one.strip()
            if rule.normalise:
                assert NORMALISERS[rule.normalise](one) == one
            if rule.normalise.endswith("path"):
                assert posixpath.normpath(one) == one
                assert "\\" not in one
        if not problem and rule.path == "a" and given.get("a") not in (None, ""):
            assert ids


def tier(data: bytes) -> None:
    """A rule by argument means exactly the values it names: all of several to lower a tier, any one to raise it."""
    taking = Taking(data)
    path = taking.pick(("a", "a.b", "a[]", "a[].b"))
    with contextlib.suppress(ValueError, RecursionError):
        named, given = json.loads(taking.until(b"\n")), json.loads(taking.rest())
        if not isinstance(named, list) or not isinstance(given, dict):
            return
        found = Selector(path).find(given) or ()
        exact = [any(type(value) is type(one) and value == one for one in named) for value in found]
        if not named:
            return
        rule = TierRule(path=path, values=tuple(named), tier=Tier.READ)
        lowered = profile(tier=Tier.EXECUTE, tier_by=(rule,)).tier_of(given) is Tier.READ
        assert lowered == (bool(exact) and all(exact))
        rule = TierRule(path=path, values=tuple(named), tier=Tier.EXECUTE)
        raised = profile(tier=Tier.READ, tier_by=(rule,)).tier_of(given) is Tier.EXECUTE
        assert raised or not any(exact)


def pattern(data: bytes) -> None:
    """Globs match as their plain meaning says, cover what they match, and give one domain."""
    taking = Taking(data)
    lines = [line.decode("utf-8", "replace") for line in taking.rest().split(b"\n")[:5]]
    text, patterns = lines[0], [line for line in lines[1:] if not pattern_problem(line)]
    globs = Patterns(patterns)
    plain = [one for one in patterns if re.fullmatch(".*".join(map(re.escape, one.split("*"))), text, re.DOTALL)]
    assert globs.match(text) == bool(plain)
    best = globs.best(text)
    assert (best in plain) if plain else not best
    for one in patterns:
        assert globs.covers(one)
        for other in patterns:
            if Patterns([one]).covers(other) and Patterns([other]).match(text):
                assert Patterns([one]).match(text)
    kind, _, name = text.partition(":")
    found = DomainMap(
        tuple(Domain(name=f"d{n}", title="t", owner="ana", targets=(one,)) for n, one in enumerate(patterns))
    ).of(kind, name)
    if ":" in text:
        assert bool(found) == bool(plain)


FORM = re.compile(r"[A-Za-z0-9_-]{1,48}")


def names(data: bytes) -> None:
    """Public names keep their form and no two look alike; shown text hides nothing."""
    texts = [line.decode("utf-8", "replace") for line in data.split(b"\n")[:6]]
    boxes = {"git": texts[::2], "git-hub": texts[1::2]}
    table = build_names(boxes)
    every = {(box, tool) for box, tools in boxes.items() for tool in tools}
    assert {(one.integration, one.tool) for one in table.kept_away} | table.names.keys() == every
    assert all(FORM.fullmatch(name) for name in table.tools)
    assert len({look(name) for name in table.tools}) == len(table.tools)
    for text in texts:
        assert all_visible(visible(text))
        assert len(shorten(text, 20)) <= 20
        assert fold(fold(text)) == fold(text)
