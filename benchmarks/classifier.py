"""How well tools without a manifest are classified, beside what vendors say and what a name begins with.

    python -m benchmarks.classifier --catalog <folder> [--servers] [--wrong]

The folder holds ``labels.json`` (tier, irreversible, admin_permission_money per tool) and ``tools/<server>.json`` (real
definitions). Rows of the confusion table are labels, columns what was said. A dangerous miss is an execute tool that
was called something less; over-restricted is a tool that was called more than it is.
"""

import argparse
import collections
import json
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from callgate.core.classify import classify

TIERS = ("read", "draft", "execute")
LOOKING = ("get", "list", "read", "search", "find", "fetch", "describe", "query", "show", "view")
PREPARING = ("draft", "create", "add", "new")
Tool = Mapping[str, Any]


def rules(server: str, tool: Tool) -> str:
    return classify(tool, integration=server).tier.name.lower()


def vendor_hints(_: str, tool: Tool) -> str:
    hints = tool.get("annotations") or {}
    if hints.get("readOnlyHint") is True:
        return "read"
    return "draft" if hints.get("readOnlyHint") is False and hints.get("destructiveHint") is False else "execute"


def verb_prefixes(server: str, tool: Tool) -> str:
    name = tool["name"].lower().removeprefix(f"{server.split('_', maxsplit=1)[0]}_")
    return "read" if name.startswith(LOOKING) else "draft" if name.startswith(PREPARING) else "execute"


WAYS: dict[str, Callable[[str, Tool], str]] = {
    "rules": rules,
    "vendor hints alone": vendor_hints,
    "verb prefixes alone": verb_prefixes,
}


class Score:
    """Counts of (label, said)."""

    def __init__(self) -> None:
        self.counts: collections.Counter[tuple[str, str]] = collections.Counter()

    def add(self, label: str, said: str) -> None:
        self.counts[label, said] += 1

    def _share(self, chosen: Callable[[str, str], bool], of: Callable[[str], bool] = lambda _: True) -> float:
        among = sum(many for (label, _), many in self.counts.items() if of(label))
        return sum(many for pair, many in self.counts.items() if chosen(*pair)) / among if among else 0.0

    @property
    def accuracy(self) -> float:
        return self._share(lambda label, said: label == said)

    @property
    def over(self) -> float:
        return self._share(lambda label, said: TIERS.index(said) > TIERS.index(label))

    @property
    def execute_as_read(self) -> int:
        return self.counts["execute", "read"]

    @property
    def execute_as_draft(self) -> float:
        return self._share(lambda *pair: pair == ("execute", "draft"), lambda label: label == "execute")

    def lines(self) -> Iterator[str]:
        yield f"{'':<10}" + "".join(f"{said:>9}" for said in TIERS)
        for label in TIERS:
            yield f"{label:<10}" + "".join(f"{self.counts[label, said]:>9}" for said in TIERS)
        yield self.line()

    def line(self) -> str:
        return (
            f"right {self.accuracy:6.1%}   over-restricted {self.over:6.1%}   "
            f"execute called read {self.execute_as_read}, called draft {self.counts['execute', 'draft']}"
        )


def labelled(folder: pathlib.Path) -> Iterator[tuple[str, Tool, Mapping[str, Any]]]:
    """(server, definition, label) of each labelled tool."""
    labels = json.loads((folder / "labels.json").read_text())["integrations"]
    for server, known in labels.items():
        for tool in json.loads((folder / "tools" / f"{server}.json").read_text())["tools"]:
            if tool["name"] in known["tools"]:
                yield server, tool, known["tools"][tool["name"]]


def scores(folder: pathlib.Path) -> dict[str, dict[str, Score]]:
    """By way, then by server; ``all`` is the sum."""
    found = {way: collections.defaultdict(Score) for way in WAYS}
    for server, tool, label in labelled(folder):
        for way, said in ((way, judge(server, tool)) for way, judge in WAYS.items()):
            found[way]["all"].add(label["tier"], said)
            found[way][server].add(label["tier"], said)
    return found


def flags(folder: pathlib.Path) -> dict[str, tuple[float, float]]:
    """(recall, precision) of the flags."""
    counts: collections.Counter[tuple[str, bool, bool]] = collections.Counter()
    for server, tool, label in labelled(folder):
        said = classify(tool, integration=server)
        counts["irreversible", label["irreversible"], said.irreversible] += 1
        counts["admin or money", label["admin_permission_money"], said.admin or said.money] += 1
    found = {}
    for flag in ("irreversible", "admin or money"):
        right = counts[flag, True, True]
        found[flag] = (
            right / max(1, right + counts[flag, True, False]),
            right / max(1, right + counts[flag, False, True]),
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--catalog", required=True, type=pathlib.Path)
    parser.add_argument("--servers", action="store_true", help="a line per server too")
    parser.add_argument("--wrong", action="store_true", help="each tool that is called something else than its label")
    asked = parser.parse_args()
    for way, by_server in scores(asked.catalog).items():
        total = by_server.pop("all")
        print(f"{way}: {sum(total.counts.values())} tools", *total.lines(), sep="\n", end="\n\n")
        if asked.servers:
            print(*(f"{server:<26}{score.line()}" for server, score in by_server.items()), sep="\n", end="\n\n")
    for flag, (recall, precision) in flags(asked.catalog).items():
        print(f"{flag}: recall {recall:.1%}, precision {precision:.1%}")
    if asked.wrong:
        for server, tool, label in labelled(asked.catalog):
            said = rules(server, tool)
            if said != label["tier"]:
                why = classify(tool, integration=server).reasons[0]
                print(f"{label['tier']} called {said}: {server}/{tool['name']}: {why}")


if __name__ == "__main__":
    main()
