"""The endpoint for everything: all tools and prompts of the caller's integrations, under public names.

Names and lists are made when what is connected changes; a call looks its name up and is then governed like any other.
"""

from typing import Any

import msgspec

from callgate import __version__
from callgate.core.asks import allowed
from callgate.core.methods import PromptForm, prompt_forms
from callgate.core.name_table import KeptAway, NameTable, build_names
from callgate.core.toolbox import Toolbox, ToolProfile
from callgate.flow.connect import ALL_ERAS
from callgate.flow.prepare import everyday
from callgate.flow.serving import EVERYTHING, Listing
from callgate.flow.tenancy import Tenancy
from callgate.model.answer import Request
from callgate.model.call import PROMPTS_GET, TOOLS_CALL
from callgate.model.contract import Contract
from callgate.model.identity import Credential

MAX_INSTRUCTIONS = 4_000
"""Characters of one integration's instructions."""
_KEPT = 256
_INTRODUCTION = (
    "Tools of several systems, each named <system>__<tool>. Every call passes Callgate, which may answer that a call "
    "waits for people or is stopped, with the reason and what to do next."
)
_encode = msgspec.json.encode
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Aggregate:
    """Of one tenant. What it made is kept as long as the same toolboxes are connected."""

    def __init__(self, tenancy: Tenancy) -> None:
        self._tenancy = tenancy
        self._epoch = -1
        self._of: tuple[Toolbox, ...] = ()
        self._table = NameTable({}, ())
        self._prompt_table = NameTable({}, ())
        self._renamed: dict[str, tuple[bytes, ...]] = {}
        """Tool objects under their public names, by integration; like ``_prompts``."""
        self._prompts: dict[str, tuple[bytes, ...]] = {}
        self._listings: dict[tuple[str, ...], Listing] = {}

    def table(self) -> NameTable:
        """The names as they are now."""
        live = self._tenancy.live
        if self._epoch != live.epoch:
            self._epoch = live.epoch
            found = tuple(live.connected[name].toolbox for name in sorted(live.connected))
            if len(found) != len(self._of) or any(new is not old for new, old in zip(found, self._of, strict=True)):
                self._make(found)
        return self._table

    def kept_away(self) -> tuple[KeptAway, ...]:
        """Tools and prompts that are confirmed and have no public name."""
        return (*self.table().kept_away, *self._prompt_table.kept_away)

    def meant(self, request: Request) -> Request | None:
        """The request as it would come to the integration's own endpoint, but in the gate's own session; None: this
        login has no tool or prompt of that name, or the method is none of this endpoint.
        """
        table = self.table()
        if request.method == PROMPTS_GET:
            name = request.arguments.get("name")
            found = self._prompt_table.tools.get(name) if isinstance(name, str) else None
        else:
            found = table.tools.get(request.tool) if request.method == TOOLS_CALL else None
        narrowed = request.credential.integrations
        if found is None or (narrowed and found[0] not in narrowed):
            return None
        integration, name = found
        asks = allowed(request.asks, self._tenancy.live.connected[integration].listing.asks) if request.asks else ()
        mine = msgspec.structs.replace(request, integration=integration, protocol="", asks=asks)
        if request.method == PROMPTS_GET:
            return msgspec.structs.replace(mine, arguments={**request.arguments, "name": name})
        return msgspec.structs.replace(mine, tool=name)

    def listing(self, credential: Credential) -> Listing:
        """The tools of every integration that this login and some rules for its person and runtime name.

        It does not depend on the task at hand, so that it stays the same while tasks come and go.
        """
        self.table()
        names = self._reach(credential)
        known = self._listings.get(names)
        if known is None:
            if len(self._listings) >= _KEPT:
                self._listings.clear()
            known = self._listings[names] = self._listed(names)
        return known

    def _make(self, found: tuple[Toolbox, ...]) -> None:
        self._of = found
        boxes = {box.integration.name: box for box in found if box.pin is not None}
        former = (*self._table.kept_away, *self._prompt_table.kept_away)
        tools = {name: [(tool.name, tool.listed) for tool in _tools(box)] for name, box in boxes.items()}
        prompts = {name: [(form.name, form.definition) for form in _prompts(box)] for name, box in boxes.items()}
        self._table, self._renamed = _named(tools)
        self._prompt_table, self._prompts = _named(prompts)
        self._listings = {}
        kept_away = (*self._table.kept_away, *self._prompt_table.kept_away)
        if kept_away and kept_away != former:
            self._tenancy.log("names_kept_away", {"names": len(kept_away)})

    def _reach(self, credential: Credential) -> tuple[str, ...]:
        """Names of integrations, sorted."""
        remembered = self._tenancy.live.remembered()
        who = credential.initiator
        key = ("reach", who.issuer, who.subject, credential.runtime.id, *credential.integrations)
        known: tuple[str, ...] | None = remembered.get(key)
        if known is None:
            named = self._named(credential)
            admitted = frozenset(credential.integrations or named)
            known = remembered[key] = tuple(name for name in self._renamed if name in named and name in admitted)
        return known

    def _named(self, credential: Credential) -> frozenset[str]:
        """What the everyday rules and all consented contracts that this person and runtime may use name."""
        live = self._tenancy.live
        daily = everyday(self._tenancy, credential)
        contracts: list[Contract] = [rules.contract for rules in live.contracts.values()]
        contracts += live.templates.values()
        return frozenset(
            scope.integration
            for contract in contracts
            if (not contract.everyday or contract.id == daily)
            and _admits(contract.initiators, credential.initiator.subject)
            and _admits(contract.runtimes, credential.runtime.id)
            and live.active(contract.id)
            for scope in contract.scopes
        )

    def _listed(self, names: tuple[str, ...]) -> Listing:
        live = self._tenancy.live
        boxes = [box for box in self._of if box.integration.name in names]
        headers = [
            (shown, tool.headers)
            for box in boxes
            for tool in _tools(box)
            if tool.headers and (shown := self._table.names.get((box.integration.name, tool.name))) is not None
        ]
        said = [
            f"{box.integration.name}: {box.pin.instructions[:MAX_INSTRUCTIONS]}"
            for box in boxes
            if box.pin is not None and box.pin.instructions
        ]
        prompts = [prompt for name in names for prompt in self._prompts[name]]
        offers = ("prompts",) if prompts else ()
        return Listing(
            integration=EVERYTHING,
            tools=b"[" + b",".join(tool for name in names for tool in self._renamed[name]) + b"]",
            server=_encode({"name": "callgate", "version": __version__}),
            instructions="\n\n".join((_INTRODUCTION, *said)),
            eras=ALL_ERAS,
            bridged=True,
            headers=tuple(headers),
            offers=offers,
            offers_modern=offers,
            prompts=b"[" + b",".join(prompts) + b"]",
            asks=tuple(sorted({word for name in names for word in live.connected[name].listing.asks})),
        )


def _admits(names: tuple[str, ...], name: str) -> bool:
    return "*" in names or name in names


def _tools(box: Toolbox) -> list[ToolProfile]:
    """The callable tools, in the pin's order."""
    pins = box.pin.tools if box.pin is not None else ()
    found = [tool for pin in pins if (tool := box.tools.get(pin.name)) is not None and tool.pin == pin]
    return [tool for tool in found if not tool.quarantine]


def _prompts(box: Toolbox) -> list[PromptForm]:
    """The usable prompts of a server that offers them."""
    pin = box.pin
    if pin is None or "prompts" not in {*(pin.offers or ()), *pin.offers_modern}:
        return []
    return [form for form in prompt_forms(pin) if not form.quarantine]


def _named(objects: dict[str, list[tuple[str, bytes]]]) -> tuple[NameTable, dict[str, tuple[bytes, ...]]]:
    """Public names of (name, definition) by integration, and the definitions under them."""
    table = build_names({integration: [name for name, _ in some] for integration, some in objects.items()})
    renamed = {
        integration: tuple(
            _renamed(definition, public)
            for name, definition in some
            if (public := table.names.get((integration, name))) is not None
        )
        for integration, some in objects.items()
    }
    return table, renamed


def _renamed(listed: bytes, name: str) -> bytes:
    members: dict[str, Any] = _members.decode(listed)
    return _encode({**members, "name": name})
