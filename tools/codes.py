"""Collects the codes of findings, faults and refusals from the source, for docs/reference/errors.md.

A code and its sentence are read where they are written down: ``Finding(code=…, reason=…)`` and its short forms in a
gate, ``SomeError("…", code=…)``, ``Failed(code=…, reason=…)`` and ``{"reason": …}`` of a protocol refusal. Sentences
that hold a place show it as …; a code in several places shows its first sentence.
"""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from callgate.adapters.upstream.wire import SENTENCES
from callgate.core import definition_findings, schemas, toolbox
from callgate.core.gates import rate, standing
from callgate.core.policy import slice as policy_slice
from callgate.flow import hold
from callgate.model import errors

SOURCE = Path(__file__).resolve().parent.parent / "src" / "callgate"
FAULTS = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.CallgateError) and kind is not errors.CallgateError
}
_CODE = re.compile(r"[a-z][a-z_]*[a-z]\Z")
_SHORT = ("_deny", "_hold", "_outside", "_finding")
"""Functions of one gate that make a finding from a code and a sentence."""
_IN_BAND = {"in_doubt": (-2, -1), "not_recorded": (0, 1), "_refused": (0, 1), "_no_result": (0, 1)}
"""Calls that make an answer, and where code and sentence stand among the arguments."""
_SAID = {
    ("policy", "permit"): "A permit matches; its own reason is shown.",
    (
        "tool",
        "quarantined",
    ): "The tool is kept away: its name is reserved, unreadable or a look-alike, or its headers are bad.",
    ("front", "not_governed"): "The gate has no rules for this method or parameter yet, so it is refused.",
    ("front", "unknown_method"): "There is no such method.",
    (
        "answer",
        "not_governed",
    ): "The target asked back instead of answering, or answered with something that is no tool result.",
    (
        "answer",
        "bad_result",
    ): "The tool answered with something that is no tool result; the call is recorded as finished.",
    (
        "StoreError",
        "store_unknown",
    ): "A write failed and the disk cannot be read now, so nobody can say whether it is there.",
    ("StoreError", "store_failed"): "The store could not write.",
    ("InputError", "bad_checkpoint"): "The checkpoint cannot be used with this ledger.",
    ("InputError", "bad_name"): "The name of an integration; the message says what is wrong with it.",
    ("InputError", "bad_parameter"): "A parameter of a template; the message says which and what is allowed.",
    ("InputError", "bad_input"): "Used where no narrower code fits.",
    ("InputError", "not_found"): "There is no such thing or route.",
    ("MalformedCall", "malformed_call"): "Used where no narrower code fits.",
    ("AuthError", "unauthenticated"): "Used where no narrower code fits.",
    ("ConfigError", "bad_config"): "Every fault of a file or setting has this code.",
    ("UpstreamError", "upstream_failed"): "Used where no narrower code fits.",
    ("OutcomeUnknown", "outcome_unknown"): "The request was sent and no usable answer was seen; the message says why.",
    ("IntegrityError", "integrity"): "The ledger or an order of steps does not hold; the gate stops writing.",
}
"""Codes whose sentence is made elsewhere."""


class Found(NamedTuple):
    group: str
    """Gate of a finding, class of a fault, ``front`` or ``answer``."""
    code: str
    sentence: str


def collect() -> list[Found]:
    """Every (group, code) once, sorted."""
    found: dict[tuple[str, str], str] = dict(_SAID)
    for one in _all():
        if not found.get((one.group, one.code)):
            found[one.group, one.code] = one.sentence
    return [Found(*key, sentence) for key, sentence in sorted(found.items())]


def _all() -> Iterator[Found]:
    yield from _tables()
    for path in sorted(SOURCE.rglob("*.py")):
        if "cli" not in path.parts and path.name != "errors.py":
            yield from _Reader(path).read()
    for name, kind in FAULTS.items():
        if name != "UnknownTool":
            yield Found(name, kind.code, "")


def _tables() -> Iterator[Found]:
    """Where codes are made from a word and a table of sentences."""
    for table, prefix in (("_CREDENTIAL", "credential_"), ("_CONTRACT", "contract_"), ("_TASK", "")):
        for word, sentence in vars(standing)[table].items():
            yield Found("standing", prefix + word, sentence)
    for code, sentence in (*vars(rate)["_KINDS"].values(), vars(rate)["_OTHER"]):
        yield Found("rate", code, sentence)
    for code, sentence in vars(toolbox)["_TARGET_REASONS"].items():
        yield Found("schema", code, sentence)
    for code in (*vars(schemas)["_CODES"].values(), "schema_other"):
        yield Found("schema", code, "Said in the words of the pinned schema.")
    for effect, code in vars(policy_slice)["_FORBIDDEN"].items():
        yield Found("policy", code, f"A forbid with the effect {effect.name.lower()} matches; its own reason is shown.")
    for state, sentence in vars(hold)["_ENDED"].items():
        yield Found("hold", state.value, sentence)
    for code, sentence in SENTENCES.items():
        yield Found("UpstreamError", code, sentence)
    for code, kind in definition_findings.KINDS.items():
        yield Found("definitions", code, f"{kind.severity.name.lower()}: {kind.says}")


class _Reader:
    """One file."""

    def __init__(self, path: Path) -> None:
        self._tree = ast.parse(path.read_text(encoding="utf-8"))
        self._gate = self._constant("GATE") or self._constant("_GATE") or self._imported_gate() or path.stem
        self._front = "mcp" in path.parts
        self._constants = {
            node.targets[0].id: node.value.value
            for node in self._tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Constant)
        }

    def read(self) -> Iterator[Found]:
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call):
                yield from self._call(node)
                if self._front:
                    yield from self._refusal(node)

    def _call(self, call: ast.Call) -> Iterator[Found]:
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        keywords = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
        if name == "Finding":
            gate = _text(keywords.get("gate")) or self._gate
            yield from self._found(gate, keywords.get("code"), keywords.get("reason"), call)
        elif name in _SHORT:
            yield from self._short(call)
        elif name in FAULTS:
            yield from self._found(name, keywords.get("code"), call.args[0] if call.args else None, call)
        elif name == "missing" and call.args:
            what = _text(call.args[0])
            yield Found("InputError", f"unknown_{what}", f"There is no such {what}.")
        elif name == "Failed":
            yield from self._found("answer", keywords.get("code"), keywords.get("reason"), call)
        elif name in _IN_BAND and len(call.args) > 1:
            code, said = _IN_BAND[name]
            yield from self._found("answer", call.args[code], call.args[said], call)

    def _found(self, group: str, code: ast.expr | None, said: ast.expr | None, call: ast.Call) -> Iterator[Found]:
        for one in self._codes(code):
            yield Found(group, one, self._sentence(said, call))

    def _short(self, call: ast.Call) -> Iterator[Found]:
        texts = [argument for argument in call.args if isinstance(argument, ast.Constant)]
        said = [self._sentence(argument, call) for argument in call.args]
        for code in [code for argument in texts for code in self._codes(argument)][:1]:
            yield Found(self._gate, code, next((text for text in said if " " in text), ""))

    def _refusal(self, call: ast.Call) -> Iterator[Found]:
        parts = [*call.args, *(keyword.value for keyword in call.keywords)]
        for part in parts:
            if isinstance(part, ast.Dict):
                for key, value in zip(part.keys, part.values, strict=True):
                    if _text(key) == "reason":
                        said = next(
                            (text for text in (self._sentence(one, call) for one in call.args) if " " in text), ""
                        )
                        for code in self._codes(value):
                            yield Found("front", code, said)

    def _codes(self, node: ast.expr | None) -> list[str]:
        if node is None:
            return []
        if isinstance(node, ast.Name):
            known = self._constants.get(node.id)
            return [known] if isinstance(known, str) else []
        values = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]
        whole = isinstance(node, ast.Constant | ast.IfExp | ast.BoolOp)
        return [value for value in values if whole and isinstance(value, str) and _CODE.match(value)]

    def _sentence(self, node: ast.expr | None, call: ast.Call | None) -> str:
        if isinstance(node, ast.JoinedStr):
            parts = (str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
            return "".join(parts)
        if isinstance(node, ast.IfExp) and isinstance(node.body, ast.Constant):
            return _text(node.body)
        if isinstance(node, ast.Name) and call is not None:
            return self._assigned(node.id, call.lineno)
        return _text(node)

    def _assigned(self, name: str, line: int) -> str:
        """The text last given to a local name above a line."""
        given = [
            node
            for node in ast.walk(self._tree)
            if isinstance(node, ast.Assign)
            and node.lineno <= line
            and isinstance(node.targets[0], ast.Name)
            and node.targets[0].id == name
            and isinstance(node.value, ast.Constant | ast.JoinedStr)
        ]
        return self._sentence(max(given, key=lambda node: node.lineno).value, None) if given else ""

    def _imported_gate(self) -> str:
        """Its gate's name, where a file beside it has that."""
        for node in self._tree.body:
            if isinstance(node, ast.ImportFrom) and any(one.name == "GATE" for one in node.names):
                module = vars(importlib.import_module(str(node.module)))
                return str(module["GATE"])
        return ""

    def _constant(self, name: str) -> str:
        for node in self._tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
                return _text(node.value)
        return ""


def _text(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


_HEAD = """\
# Codes

Made from the code by `tools/generate.py`; change it there. A code is stable: it may be left out of a later version, but
never means something else. Sentences are for people and may change; … stands for a name or number that is filled in.
No code or sentence carries an argument, a result or a token.

Exit codes of the command stand in [cli.md](cli.md).
"""
_SECTIONS: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = (
    (
        "Findings",
        """\
What a gate said of a call; every finding of a decision is kept and shown by `callgate explain`. An approval lists the
findings it discharges as `gate/code/path`.""",
        (
            ("standing", "Does the caller, the contract and the task stand at all"),
            ("halt", "Kill switches"),
            ("schema", "Arguments against the confirmed definition"),
            ("tool", "Is it the tool a person confirmed"),
            ("contract", "Does the call stay inside its contract"),
            ("retrieval", "No search over everything"),
            ("stage", "How far the integration is"),
            ("rate", "Limits"),
            ("hold", "How a waiting call ended"),
            ("repeat", "Refused before, or perhaps happening already"),
            ("risk", "Points added up"),
            ("duty", "What a tier owes"),
            ("policy", "Cedar"),
            ("decide", "The fold of all findings"),
            ("asks", "Answers to what a server asked inside a call"),
        ),
    ),
    (
        "Definitions",
        "What a person should look at in what a server says of itself; it decides nothing ([drift](../how-to/drift.md)).",
        (("definitions", "Texts and names"),),
    ),
    (
        "Answers",
        "Codes of an answer that is neither a result nor a decision: `failed` or `unknown` in the structured content.",
        (("answer", "Instead of a result"),),
    ),
    (
        "Refusals of the MCP front",
        "`error.data.reason` of a JSON-RPC error; the HTTP status and the error's own number follow the protocol.",
        (("front", "Before a call is read"), ("MalformedCall", "A body that two readers could understand differently")),
    ),
    (
        "Faults",
        "Of the local API (`code` of a problem), of logs and of a start that is refused. The class says who must act.",
        (
            ("InputError", "The caller changes the request"),
            ("AuthError", "No or a bad credential, or not this person's to do"),
            ("ConfigError", "The operator changes a file; the message names file and key"),
            ("UpstreamError", "The target failed or refused; nothing was sent, or an answer came"),
            ("OutcomeUnknown", "Sent, and no answer seen: the effect may have happened"),
            ("StoreError", "Our storage failed: the call is refused"),
            ("IntegrityError", "Something does not verify: nothing more is written"),
        ),
    ),
)


def errors_page() -> str:
    """The text of docs/reference/errors.md. ValueError when a group of codes has no section."""
    found = collect()
    known = {group for _, _, groups in _SECTIONS for group, _ in groups}
    strange = {one.group for one in found} - known
    if strange:
        raise ValueError(f"no section for codes of: {', '.join(sorted(strange))}")
    parts = [_HEAD]
    for title, said, groups in _SECTIONS:
        parts.append(f"## {title}\n\n{said}\n")
        for group, what in groups:
            rows = [one for one in found if one.group == group]
            lines = [f"| `{one.code}` | {one.sentence.replace('|', chr(92) + '|')} |" for one in rows]
            name = f"`{group}`: " if group not in ("answer", "front") else ""
            parts.append("\n".join([f"### {name}{what}\n", "| code | says |", "|---|---|", *lines, ""]))
    return "\n".join(parts)
