"""The policy bundle: what is live, what the files on disk would change, propose and approve."""

import msgspec

from callgate.core.observe import DAY_MS, MOST_DAYS, ends_ms
from callgate.core.policy.bundle import parse_bundle
from callgate.core.policy.cases import CaseResult, run_cases
from callgate.core.policy.changes import changes, parts
from callgate.flow.connect import reconnect
from callgate.flow.desk import Desk, missing, need
from callgate.flow.live import LIVE_BUNDLE
from callgate.flow.rows import put
from callgate.flow.views.policy import CasesView, CaseView, PolicyFileView, PolicyView, ProposalView
from callgate.model.bundle import Bundle
from callgate.model.errors import ConfigError, InputError
from callgate.model.event import PolicyApproved, PolicyProposed
from callgate.model.identity import Presence
from callgate.model.record import Proposal, Setting
from callgate.model.store import Conflict, Delete, Kind, NameRow, Unit
from callgate.model.terms import Profile, Role


class Policies(Desk):
    async def policy(self) -> PolicyView:
        live = self._bundle()
        proposals = tuple(self._proposal(one) for one in self._live.proposals.values())
        return PolicyView(digest=live.digest, profile=live.profile.value, files=self.files(), proposals=proposals)

    def files(self) -> tuple[PolicyFileView, ...]:
        """The bundle's parts against the files on disk: a changed file is pending, never live."""
        live = self._bundle()
        try:
            disk = self._on_disk()
        except ConfigError as fault:
            name = fault.file or "policies"
            return (PolicyFileView(name=name, state="broken", problem=str(fault)),)
        before, now = parts(live), parts(disk)
        views = [
            PolicyFileView(
                name=name, state="live" if before.get(name) == part else ("changed" if name in before else "added")
            )
            for name, part in now.items()
        ]
        views += [PolicyFileView(name=name, state="removed") for name in before if name not in now]
        return tuple(views)

    def pending(self) -> tuple[str, ...]:
        return tuple(view.name for view in self.files() if view.state != "live")

    async def test_policy(self) -> CasesView:
        try:
            return self._tested(self._on_disk())
        except ConfigError as fault:
            return CasesView(cases=(), passed=0, failed=0, problem=str(fault))

    async def propose_policy(self, by: Presence) -> ProposalView:
        need(by, Role.SECURITY, Role.PLATFORM, Role.APP_TEAM)
        live, wanted = self._bundle(), self._on_disk()
        if wanted.digest == live.digest:
            raise InputError("The files on disk are what is live already.", code="no_change")
        self._check_observing(wanted)
        cases = self._tested(wanted)
        if cases.failed or cases.problem:
            failed = next((case.name for case in cases.cases if not case.passed), cases.problem)
            raise InputError(
                f"The policy does not pass its cases. {cases.failed} failed, the first is: {failed}.",
                code="cases_fail",
                hint="See: callgate policy test",
            )
        names: list[NameRow] = []
        proposal = Proposal(bundle=wanted, base=live.digest, by=by.subject, at_ms=self._tenancy.clock.now_ms())
        event = self._tenancy.event(
            PolicyProposed(bundle=wanted.digest, base=live.digest, by=self._person(by.subject, names)),
            same_host=by.same_host,
        )
        change = put(wanted.digest, proposal, expect=None, at_ms=proposal.at_ms)
        await self._tenancy.write(Unit(events=(event,), changes=(change,), names=tuple(names)))
        return msgspec.structs.replace(self._proposal(proposal), cases=cases)

    async def approve_policy(self, by: Presence, digest: str) -> ProposalView:
        need(by, Role.SECURITY)
        proposal = self._live.proposals.get(digest)
        if proposal is None:
            raise missing("proposal", "policy status")
        live = self._bundle()
        if proposal.base != live.digest:
            raise InputError("Another bundle went live since; propose again.", code="stale_proposal")
        alone = self._alone(by, proposal.by)
        names: list[NameRow] = []
        event = self._tenancy.event(
            PolicyApproved(bundle=digest, base=live.digest, by=self._person(by.subject, names), alone=alone),
            same_host=by.same_host,
        )
        written = (
            put(digest, proposal.bundle, expect=None),
            put(
                LIVE_BUNDLE,
                Setting(name=LIVE_BUNDLE, value=digest),
                expect=self._live.version(Kind.SETTING, LIVE_BUNDLE),
            ),
            Delete(kind=Kind.PROPOSAL, key=digest),
        )
        outcome = await self._tenancy.write(Unit(events=(event,), changes=written, names=tuple(names)))
        if isinstance(outcome, Conflict):
            raise InputError("Another bundle went live just now; propose again.", code="stale_proposal")
        self._live.use(proposal.bundle)
        reconnect(self._tenancy)
        return msgspec.structs.replace(self._proposal(proposal), state="approved")

    def _check_observing(self, wanted: Bundle) -> None:
        """What is observed ends in sight, and somebody of this gate answers for it."""
        latest = self._tenancy.clock.now_ms() + (MOST_DAYS + 1) * DAY_MS
        for one in wanted.observing:
            account = self._live.accounts.get(one.owner)
            if account is None or account.disabled:
                raise InputError(f"stages.{one.name}.owner: there is no such account here.", code="no_observe_owner")
            if ends_ms(one.until) > latest:
                raise InputError(
                    f"stages.{one.name}.observe_until: an integration is observed for at most {MOST_DAYS} days.",
                    code="observe_too_long",
                )

    def _bundle(self) -> Bundle:
        if self._live.bundle is None:
            raise ConfigError("No policy bundle is live.")
        return self._live.bundle

    def _on_disk(self) -> Bundle:
        approved = dict(self._live.bundle.manifests) if self._live.bundle else {}
        return parse_bundle(self._tools.bundle_files(), self._tenancy.catalogue.digests(approved))

    def _tested(self, bundle: Bundle) -> CasesView:
        results = run_cases(bundle, self._tools.case_files())
        views = tuple(_case(result) for result in results)
        passed = sum(view.passed for view in views)
        return CasesView(cases=views, passed=passed, failed=len(views) - passed)

    def _proposal(self, proposal: Proposal) -> ProposalView:
        solo = self._profile() is Profile.SOLO
        who = tuple(name for name in self._holders(Role.SECURITY) if solo or name != proposal.by)
        live = self._bundle()
        return ProposalView(
            digest=proposal.bundle.digest,
            base=proposal.base,
            by=proposal.by,
            at_ms=proposal.at_ms,
            changes=changes(live, proposal.bundle),
            state="open" if proposal.base == live.digest else "void",
            who=who,
        )


def _case(result: CaseResult) -> CaseView:
    return CaseView(name=result.name, file=result.file, passed=result.passed, want=result.want, got=result.got)
