"""Accounts, presence and tokens."""

import asyncio
import re

import msgspec

from callgate.flow.admin import NewAccount, NewPassphrase, Peer, TokenRequest
from callgate.flow.desk import Desk, DeskTools, missing, need
from callgate.flow.rows import put
from callgate.flow.views.people import AccountView, TokenView
from callgate.model.errors import AuthError, InputError
from callgate.model.event import AccountChanged, TokenIssued, TokenRevoked
from callgate.model.identity import Account, Presence
from callgate.model.record import Revocation
from callgate.model.store import Conflict, Kind, NameRow, Unit
from callgate.model.terms import Role, TaskState

HOUR_MS = 3_600_000
LONGEST_HOURS = 24
MINIMUM_PASSPHRASE = 10
_SUBJECT = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


_CREDENTIAL = re.compile(r"[A-Za-z0-9-]{1,64}")


class People(Desk):
    def __init__(self, tools: DeskTools) -> None:
        super().__init__(tools)
        self._checking = asyncio.Lock()
        """A check takes much memory and time: one at a time, so that guessing never takes the gate's threads."""

    async def present(self, account: str, passphrase: str, peer: Peer) -> Presence:
        now = self._tenancy.clock.now_ms()
        # Names that are no accounts share one bucket: they neither take memory nor buy further checks.
        bucket = f"{account if account in self._live.accounts else ''}|{peer.uid}"
        wait = self._tools.attempts.take(bucket, now)
        if wait:
            raise AuthError(f"Too many tries for this account. Wait {wait // 1000 + 1} s.", code="too_many_tries")
        async with self._checking:
            verifier = self._verifier(account)
            right = await asyncio.to_thread(self._tools.passphrases.check, verifier, passphrase)
        known = self._live.accounts.get(account)
        # Looked at again: it may have been disabled or given another passphrase meanwhile.
        if not right or known is None or not verifier or self._verifier(account) != verifier:
            raise AuthError("The account or the passphrase is wrong.", code="bad_passphrase")
        self._tools.attempts.succeeded(bucket)
        return Presence(
            subject=account,
            issuer=self._tools.issuer.issuer,
            method="passphrase",
            at_ms=now,
            same_host=peer.uid == self._tools.info.uid,
            roles=self._roles(account),
            team=known.team,
        )

    def _verifier(self, account: str) -> str:
        """Empty: nobody may be present under this name."""
        known = self._live.accounts.get(account)
        return known.verifier if known is not None and not known.disabled else ""

    async def issue_token(self, by: Presence, want: TokenRequest) -> TokenView:
        account = self._live.accounts[by.subject]
        runtime = self._live.runtimes.get(want.runtime)
        if runtime is None:
            known = ", ".join(sorted(self._live.runtimes))
            raise InputError(f"No runtime {want.runtime!r} is registered. Known: {known}.", code="unknown_runtime")
        if "*" not in runtime.users and by.subject not in runtime.users:
            raise AuthError("This runtime is not registered for your account.", code="runtime_not_yours")
        if not 1 <= want.hours <= LONGEST_HOURS:
            raise InputError(f"A token lasts 1 to {LONGEST_HOURS} hours.", code="bad_expiry")
        for name in want.integrations:
            if name not in self._live.integrations:
                raise missing("integration", "tools")
        if want.task:
            self._check_task(want.task, by, want.runtime)
        now = self._tenancy.clock.now_ms()
        expires = now + want.hours * HOUR_MS
        token, credential = self._tools.issuer.issue(
            account, want.runtime, task=want.task, integrations=want.integrations, now_ms=now, expires_ms=expires
        )
        names: list[NameRow] = []
        event = self._tenancy.event(
            TokenIssued(
                credential=credential,
                account=self._person(by.subject, names),
                runtime=want.runtime,
                task=want.task,
                expires_ms=expires,
                method=by.method,
            ),
            same_host=by.same_host,
        )
        await self._tenancy.write(Unit(events=(event,), names=tuple(names)))
        return TokenView(
            token=token,
            credential=credential,
            account=by.subject,
            runtime=want.runtime,
            expires_ms=expires,
            endpoint=self._tools.info.endpoint,
            task=want.task,
            integrations=want.integrations,
        )

    def _check_task(self, name: str, by: Presence, runtime: str) -> None:
        task = self._live.tasks.get(name)
        if task is None or task.initiator != by.subject or task.runtime not in ("*", runtime):
            raise missing("task", "task list")
        if task.state is not TaskState.OPEN:
            raise InputError("This task is closed.", code="closed_task")

    async def revoke_token(self, credential: str, peer: Peer) -> None:
        if not _CREDENTIAL.fullmatch(credential):
            raise InputError(
                "This is no id of a credential; events of kind token_issued have it.", code="bad_credential"
            )
        if credential in self._live.revocations:
            return
        now = self._tenancy.clock.now_ms()
        by = f"uid:{peer.uid}"
        event = self._tenancy.event(
            TokenRevoked(credential=credential, by=by), same_host=peer.uid == self._tools.info.uid
        )
        change = put(credential, Revocation(key=credential, at_ms=now, by=by), expect=None, at_ms=now)
        await self._tenancy.write(Unit(events=(event,), changes=(change,)))

    async def accounts(self) -> tuple[AccountView, ...]:
        return tuple(self._account_view(account) for _, account in sorted(self._live.accounts.items()))

    async def add_account(self, by: Presence, account: NewAccount) -> AccountView:
        need(by, Role.SECURITY)
        if not _SUBJECT.fullmatch(account.subject):
            raise InputError(
                "An account's name is 1 to 64 of a-z, 0-9, dot, dash and underscore, and starts with a letter or digit.",
                code="bad_account",
            )
        made = await self._made(account)
        await self._write_account(made, 0, "added", by)
        return self._account_view(made)

    async def _made(self, account: NewAccount) -> Account:
        if account.roles:
            raise InputError(
                "Roles are bound in rules.toml of the policy bundle, not in the account.",
                code="roles_in_bundle",
                hint="Add the account, then edit [roles] and use: callgate policy propose",
            )
        check_passphrase(account.passphrase)
        verifier = await asyncio.to_thread(self._tools.passphrases.make, account.passphrase)
        return Account(
            subject=account.subject,
            name=account.name or account.subject,
            team=account.team,
            verifier=verifier,
            created_ms=self._tenancy.clock.now_ms(),
        )

    async def disable_account(self, by: Presence, subject: str) -> AccountView:
        need(by, Role.SECURITY)
        account = self._account(subject)
        if self._holders(Role.SECURITY) == (subject,):
            raise InputError(
                "This is the last account in the role security; nobody could undo it.", code="last_security"
            )
        done = msgspec.structs.replace(account, disabled=True)
        await self._write_account(done, self._live.version(Kind.ACCOUNT, subject), "disabled", by)
        return self._account_view(done)

    async def change_passphrase(self, by: Presence, subject: str, new: NewPassphrase) -> AccountView:
        if by.subject != subject:
            need(by, Role.SECURITY)
        account = self._account(subject)
        check_passphrase(new.passphrase)
        verifier = await asyncio.to_thread(self._tools.passphrases.make, new.passphrase)
        done = msgspec.structs.replace(account, verifier=verifier)
        await self._write_account(done, self._live.version(Kind.ACCOUNT, subject), "passphrase", by)
        return self._account_view(done)

    def _account(self, subject: str) -> Account:
        account = self._live.accounts.get(subject)
        if account is None:
            raise missing("account", "accounts list")
        return account

    async def _write_account(self, account: Account, expect: int, change: str, by: Presence) -> None:
        names: list[NameRow] = []
        event = self._tenancy.event(
            AccountChanged(
                account=self._person(account.subject, names), change=change, by=self._person(by.subject, names)
            ),
            same_host=by.same_host,
        )
        row = put(account.subject, account, expect=expect)
        outcome = await self._tenancy.write(Unit(events=(event,), changes=(row,), names=tuple(names)))
        if isinstance(outcome, Conflict):
            raise InputError(
                "There is an account of this name already, or it was changed just now.", code="account_exists"
            )

    def _account_view(self, account: Account) -> AccountView:
        return AccountView(
            subject=account.subject,
            name=account.name,
            roles=tuple(role.value for role in self._roles(account.subject)),
            team=account.team,
            created_ms=account.created_ms,
            disabled=account.disabled,
        )


def check_passphrase(passphrase: str) -> None:
    if len(passphrase) < MINIMUM_PASSPHRASE:
        raise InputError(f"A passphrase has at least {MINIMUM_PASSPHRASE} characters.", code="short_passphrase")
