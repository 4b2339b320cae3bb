"""Contracts, consents and tasks."""

import msgspec

from callgate.core.contract import compile_scopes, content_id, instantiate, narrows, parse_contract
from callgate.flow.admin import ContractText, TaskRequest
from callgate.flow.contract_notes import contract_notes
from callgate.flow.desk import Desk, missing
from callgate.flow.live import capacities
from callgate.flow.rows import put
from callgate.flow.views.contracts import ConsentView, ContractCheckView, ContractProblem, ContractView, TaskView
from callgate.model.contract import Contract, Task
from callgate.model.errors import AuthError, ConfigError, InputError
from callgate.model.event import ContractAdded, ContractConsented, TaskClosed, TaskOpened
from callgate.model.identity import Presence
from callgate.model.record import Consent
from callgate.model.store import Conflict, Delete, Kind, NameRow, Put, Unit
from callgate.model.terms import Breadth, Effect, Profile, Role, TaskState, Tier

DEFAULT_TASK_MS = 8 * 3_600_000


class Contracts(Desk):
    async def check_contract(self, contract: ContractText) -> ContractCheckView:
        try:
            parsed = parse_contract(contract.text.encode(), contract.file)
        except ConfigError as fault:
            problem = ContractProblem(key=fault.key, message=fault.message, file=fault.file or contract.file)
            return ContractCheckView(problems=(problem,), contract=None)
        unknown = self._unknown_words(parsed, contract.file)
        if unknown:
            return ContractCheckView(problems=unknown, contract=None)
        return ContractCheckView(problems=(), contract=self._view(parsed))

    async def add_contract(self, by: Presence, contract: ContractText) -> ContractView:
        parsed = parse_contract(contract.text.encode(), contract.file)
        problems = self._unknown_words(parsed, contract.file)
        if problems:
            raise ConfigError(problems[0].message, file=contract.file, key=problems[0].key)
        return await self.admit_contract(by, parsed)

    async def admit_contract(self, by: Presence, parsed: Contract) -> ContractView:
        """Add what was read and checked; under solo with the consents that are this person's. Everyday rules that newer
        ones took the place of are added anew, and need their consents anew.
        """
        known = parsed.id in self._live.contracts or parsed.id in self._live.templates
        if known and self._view(parsed).state != "superseded":
            return self._view(self._named(parsed.id))
        names: list[NameRow] = []
        event = self._tenancy.event(
            ContractAdded(contract=parsed.id, by=self._person(by.subject, names)), same_host=by.same_host
        )
        expect = self._live.version(Kind.CONTRACT, parsed.id)
        change = put(parsed.id, parsed, expect=expect, at_ms=self._tenancy.clock.now_ms())
        former = self._live.consents.get(parsed.id, {})
        over = tuple(Delete(kind=Kind.CONSENT, key=f"{parsed.id}|{capacity}") for capacity in former)
        await self._tenancy.write(Unit(events=(event,), changes=(change, *over), names=tuple(names)))
        if self._profile() is Profile.SOLO:
            await self.consent_contract(by, parsed.id, "")
        return self._view(parsed)

    async def consent_contract(self, by: Presence, contract: str, capacity: str) -> ContractView:
        found = self._named(contract)
        needed = capacities(found)
        if capacity and capacity not in needed:
            raise InputError(f"This contract needs no consent as {capacity}.", code="unknown_capacity")
        given = self._live.consents.get(found.id, {})
        mine = tuple(
            name
            for name in ((capacity,) if capacity else needed)
            if name not in given and by.subject in self._consenters(name)
        )
        if not mine:
            raise AuthError("None of the open consents is yours to give.", code="not_yours")
        await self._tenancy.write(self._consents(found, mine, by))
        return self._view(found)

    def _consents(self, contract: Contract, mine: tuple[str, ...], by: Presence) -> Unit:
        names: list[NameRow] = []
        person = self._person(by.subject, names)
        now = self._tenancy.clock.now_ms()
        alone = by.subject == contract.owner
        events = tuple(
            self._tenancy.event(
                ContractConsented(contract=contract.id, capacity=name, by=person, alone=alone), same_host=by.same_host
            )
            for name in mine
        )
        changes: tuple[Put, ...] = tuple(
            put(
                f"{contract.id}|{name}",
                Consent(contract=contract.id, capacity=name, subject=by.subject, alone=alone, at_ms=now),
                expect=0,
                ref=contract.id,
            )
            for name in mine
        )
        return Unit(events=events, changes=changes, names=tuple(names))

    def _consenters(self, capacity: str) -> tuple[str, ...]:
        """Accounts that may consent in a capacity."""
        if capacity == "security":
            return self._holders(Role.SECURITY)
        owner = self._live.domains.owners.get(capacity.removeprefix("domain:"), "")
        return (owner,) if owner else ()

    async def contracts(self) -> tuple[ContractView, ...]:
        every = [rules.contract for rules in self._live.contracts.values()]
        every += self._live.templates.values()
        return tuple(self._view(one) for one in sorted(every, key=lambda one: (one.name, one.id)))

    async def contract(self, name: str) -> ContractView:
        return self._view(self._named(name))

    async def open_task(self, by: Presence, task: TaskRequest) -> TaskView:
        contract = self._named(task.contract, usable=True)
        if contract.everyday:
            raise InputError("Everyday rules need no task: calls without a task use them.", code="everyday")
        if "*" not in contract.initiators and by.subject not in contract.initiators:
            raise AuthError("This contract is not open to you.", code="not_yours")
        if not self._live.active(contract.id):
            raise InputError(
                "This contract still waits for consents.", code="awaiting_consent", hint="callgate contract show"
            )
        if task.runtime != "*" and task.runtime not in self._live.runtimes:
            raise InputError(f"No runtime {task.runtime!r} is registered.", code="unknown_runtime")
        used = self._instance(contract, task)
        if task.parent:
            self._check_parent(task.parent, used, by)
        return await self._open(by, task, used)

    def _instance(self, contract: Contract, task: TaskRequest) -> Contract:
        if not contract.parameters:
            if task.parameters:
                raise InputError("This contract takes no parameters.", code="unknown_parameter")
            return contract
        try:
            return instantiate(contract, task.parameters)
        except ConfigError as fault:
            raise InputError(str(fault), code="bad_parameter") from fault

    def _check_parent(self, name: str, used: Contract, by: Presence) -> None:
        parent = self._live.tasks.get(name)
        if parent is None or parent.initiator != by.subject or parent.state is not TaskState.OPEN:
            raise missing("task", "task list")
        wider = narrows(used, self._named(parent.contract))
        if wider:
            raise InputError(f"It is wider than the task it should narrow: {wider[0]}", code="wider_task")

    async def _open(self, by: Presence, want: TaskRequest, contract: Contract) -> TaskView:
        now = self._tenancy.clock.now_ms()
        longest = contract.max_seconds * 1000 or DEFAULT_TASK_MS
        wanted = want.minutes * 60_000 or longest
        if not 0 < wanted <= longest:
            raise InputError(f"A task of this contract lasts at most {longest // 60_000} minutes.", code="too_long")
        parent = self._live.tasks.get(want.parent)
        deadline = min(now + wanted, parent.deadline_ms) if parent else now + wanted
        task = Task(
            id=self._tenancy.new_id("task"),
            contract=contract.id,
            initiator=by.subject,
            issuer=by.issuer,
            runtime=want.runtime,
            title=want.title[:200] or contract.objective[:200],
            opened_ms=now,
            deadline_ms=deadline,
            parent=want.parent,
        )
        names: list[NameRow] = []
        event = self._tenancy.event(
            TaskOpened(
                task=task.id,
                contract=contract.id,
                parent=want.parent,
                runtime=want.runtime,
                deadline_ms=deadline,
                by=self._person(by.subject, names),
            ),
            same_host=by.same_host,
        )
        changes = [put(task.id, task, expect=0, state=task.state.value, ref=by.subject, at_ms=deadline)]
        if contract.id not in self._live.contracts:
            # Content-hashed: written twice at once it is the same row.
            changes.append(put(contract.id, contract, expect=None, ref=contract.parent))
        await self._tenancy.write(Unit(events=(event,), changes=tuple(changes), names=tuple(names)))
        return await self._task_view(task)

    async def close_task(self, by: Presence, task: str) -> TaskView:
        found = self._live.tasks.get(task)
        if found is None or (found.initiator != by.subject and not {Role.SECURITY, Role.PLATFORM} & set(by.roles)):
            raise missing("task", "task list")
        if found.state is TaskState.CLOSED:
            return await self._task_view(found)
        names: list[NameRow] = []
        return await self._task_view(await self._close(found, "closed", self._person(by.subject, names), names))

    async def _close(self, task: Task, reason: str, person: str, names: list[NameRow]) -> Task:
        now = self._tenancy.clock.now_ms()
        done = msgspec.structs.replace(task, state=TaskState.CLOSED, closed_ms=now, version=task.version + 1)
        event = self._tenancy.event(TaskClosed(task=task.id, reason=reason, by=person))
        expect = self._live.version(Kind.TASK, task.id)
        change = put(task.id, done, expect=expect, state=done.state.value, ref=task.initiator, at_ms=task.deadline_ms)
        outcome = await self._tenancy.write(Unit(events=(event,), changes=(change,), names=tuple(names)))
        if isinstance(outcome, Conflict):
            return self._live.tasks.get(task.id, task)
        held = tuple(hold.id for hold in self._live.holds.values() if hold.task == task.id)
        await self._rooms.holds.halt(held, "task_closed")
        return done

    async def close_overdue(self) -> None:
        """Tasks past their deadline. Called by the second loop."""
        now = self._tenancy.clock.now_ms()
        for task in tuple(self._live.tasks.values()):
            if task.state is TaskState.OPEN and task.deadline_ms <= now:
                await self._close(task, "deadline", "gate", [])

    async def tasks(self, state: str) -> tuple[TaskView, ...]:
        chosen = [task for task in self._live.tasks.values() if not state or task.state.value == state]
        return tuple([await self._task_view(task) for task in sorted(chosen, key=lambda task: task.opened_ms)])

    async def task(self, task: str) -> TaskView:
        found = self._live.tasks.get(task)
        if found is None:
            raise missing("task", "task list")
        return await self._task_view(found)

    async def _task_view(self, task: Task) -> TaskView:
        rules = self._live.contracts.get(task.contract)
        return TaskView(
            id=task.id,
            title=task.title,
            contract=task.contract,
            contract_name=rules.contract.name if rules else "",
            initiator=task.initiator,
            runtime=task.runtime,
            state=task.state.value,
            opened_ms=task.opened_ms,
            deadline_ms=task.deadline_ms,
            calls=await self._tenancy.store.counter(f"calls:{task.id}"),
            max_calls=rules.contract.max_calls if rules else 0,
            parent=task.parent,
            closed_ms=task.closed_ms,
        )

    def _named(self, name: str, *, usable: bool = False) -> Contract:
        """By id, or by name: the one added last with that name that is no instance of a template. ``usable``: one
        that waits for consents does not hide one that has them.
        """
        live = self._live
        rules = live.contracts.get(name)
        if rules is not None:
            return rules.contract
        if name in live.templates:
            return live.templates[name]
        every = [one.contract for one in live.contracts.values() if not one.contract.parent]
        found = [one for one in (*every, *live.templates.values()) if one.name == name]
        if not found:
            raise missing("contract", "contract list")
        return max(found, key=lambda one: (usable and live.active(one.id), live.added.get(one.id, 0), one.id))

    def _unknown_words(self, contract: Contract, file: str) -> tuple[ContractProblem, ...]:
        """Names in the contract that mean nothing at this gate."""
        problems: list[ContractProblem] = []
        domains = sorted(self._live.domains.owners)
        problems += [
            ContractProblem(key="domains", message=f"No domain {name!r}. Known: {', '.join(domains) or 'none'}.")
            for name in contract.domains
            if name not in domains and "{" not in name
        ]
        if contract.owner not in self._live.accounts:
            problems.append(ContractProblem(key="owner", message=f"No account {contract.owner!r}."))
        problems += [
            ContractProblem(
                key="runtimes", message=f"No runtime {name!r}. Known: {', '.join(sorted(self._live.runtimes))}."
            )
            for name in contract.runtimes
            if name != "*" and name not in self._live.runtimes
        ]
        return tuple(msgspec.structs.replace(problem, file=file) for problem in problems)

    def _view(self, contract: Contract) -> ContractView:
        given = self._live.consents.get(contract.id, {})
        consents = tuple(_consent(name, self._consenters(name), given.get(name)) for name in capacities(contract))
        state = "active" if self._live.active(contract.id) else "awaiting_consent"
        if contract.everyday and state == "active" and self._live.everyday(contract.team) != contract.id:
            state = "superseded"
        return ContractView(
            id=contract.id or content_id(contract),
            name=contract.name,
            objective=contract.objective,
            team=contract.team,
            owner=contract.owner,
            state="template" if contract.parameters and state == "active" else state,
            max_tier=contract.max_tier.name.lower(),
            everyday=contract.everyday,
            integrations=tuple(scope.integration for scope in contract.scopes),
            domains=contract.domains,
            parameters=contract.parameters,
            consents=consents,
            preview=_preview(contract),
            notes=contract_notes(self._live, contract),
            text="",
        )


def _consent(capacity: str, who: tuple[str, ...], given: Consent | None) -> ConsentView:
    if given is None:
        return ConsentView(capacity=capacity, who=who)
    return ConsentView(capacity=capacity, who=who, by=given.subject, at_ms=given.at_ms, alone=given.alone)


def _preview(contract: Contract) -> tuple[str, ...]:
    tiers = {Tier.READ: "look only", Tier.DRAFT: "look and draft", Tier.EXECUTE: "look, draft and change things"}
    said = [
        f"May {tiers[min(scope.max_tier or contract.max_tier, contract.max_tier)]} in {scope.integration}"
        f" ({'all tools' if '*' in scope.tools else ', '.join(scope.tools)})"
        f"{', only ' + ', '.join(scope.targets) if scope.targets else ''}."
        for scope in contract.scopes
    ]
    rules = compile_scopes(contract)
    wide = [name for name, scope in rules.items() if scope.breadth is Breadth.GLOBAL]
    if wide:
        said.append(f"Searches may go through all that the account sees in {', '.join(wide)}.")
    said.append(f"Inside the domains: {', '.join(contract.domains) or 'none'}.")
    verb = "is asked about" if contract.outside is Effect.HOLD else "is refused"
    said.append(f"Anything outside {verb}.")
    if contract.prohibited:
        said.append(f"Never: {', '.join(contract.prohibited)}.")
    if not contract.irreversible:
        said.append("What cannot be undone asks another person.")
    return tuple(said)
