"""Keys by file and by URL: in the background, bounded, never on the way of a call."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from callgate.adapters.identity.jwks import MAX_SET_BYTES, RETRY_MS, STALE_MS, KeysFromFile, KeysFromUrl
from callgate.adapters.identity.tokens import TokenVerifier, TrustedIssuer, company_issuers, reserved_prefixes
from callgate.core.identity import IssuerRules, Runtimes
from callgate.model.config import Algorithm, Config, IssuerConfig
from callgate.model.errors import AuthError, ConfigError
from callgate.model.identity import Runtime
from tests.fakes.identity import BASE, COMPANY, NOW_MS, Company, SetClock

RUNTIMES = Runtimes((Runtime(id="codex"),))
RULES = IssuerRules(issuer=COMPANY, tenant="main", resource=BASE)


class Site:
    """What the issuer's URL answers, and how often it was asked."""

    def __init__(self, body):
        self.body, self.status, self.headers, self.asked = body, 200, {}, 0

    async def answer(self, request):
        self.asked += 1
        return web.Response(body=self.body, status=self.status, headers=self.headers)


@asynccontextmanager
async def serving(site):
    app = web.Application()
    app.router.add_get("/{any:.*}", site.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        where = web.TCPSite(runner, "127.0.0.1", 0)
        await where.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/keys"
    finally:
        await runner.cleanup()


def checked_by(keys, clock):
    return TokenVerifier([TrustedIssuer(RULES, ("ES256",), keys)], lambda tenant: RUNTIMES, clock)


def refused(checked, token, clock):
    with pytest.raises(AuthError) as caught:
        checked.verify(token, clock.ms)
    return caught.value


def test_keys_come_in_the_background():
    async def story():
        company, clock = Company(), SetClock()
        site = Site(company.jwks())
        async with serving(site) as url:
            checked = checked_by(KeysFromUrl(COMPANY, url, ("ES256",), allow_http=True), clock)
            fault = refused(checked, company.token(), clock)
            assert fault.code == "unknown_key"
            assert "try again" in fault.hint
            assert site.asked == 0
            await checked.refresh()
            assert site.asked == 1
            assert checked.verify(company.token(), clock.ms)

    asyncio.run(story())


def test_an_unknown_key_asks_again_at_most_once_a_minute():
    async def story():
        old, new, clock = Company(), Company(), SetClock()
        new.kid = "ec-2"
        site = Site(old.jwks())
        async with serving(site) as url:
            checked = checked_by(KeysFromUrl(COMPANY, url, ("ES256",), allow_http=True), clock)
            await checked.refresh()
            token = old.token()
            kept = checked.verify(token, clock.ms)
            site.body = new.jwks()
            for _ in range(20):
                assert refused(checked, new.token(), clock).code == "unknown_key"
                await checked.refresh()
            assert site.asked == 1
            assert checked.verify(token, clock.ms) is kept
            clock.ms += RETRY_MS
            await checked.refresh()
            assert site.asked == 2
            assert checked.verify(new.token(), clock.ms)
            assert refused(checked, token, clock).code == "unknown_key"

    asyncio.run(story())


def test_the_same_set_again_keeps_what_was_verified():
    async def story():
        company, clock = Company(), SetClock()
        site = Site(company.jwks())
        async with serving(site) as url:
            source = KeysFromUrl(COMPANY, url, ("ES256",), allow_http=True)
            await source.refresh(clock.ms)
            first = source.keys
            await source.refresh(clock.ms)
            assert site.asked == 2
            assert source.keys is first

    asyncio.run(story())


def broken_answers(company):
    return [
        (b"", 200, {}),
        (b"<html>", 200, {}),
        (company.jwks(), 500, {}),
        (company.jwks(), 302, {"Location": "/elsewhere"}),
        (company.jwks() + b" " * MAX_SET_BYTES, 200, {}),
        (b'{"keys":[]}', 200, {}),
    ]


@pytest.mark.parametrize("place", range(6))
def test_a_broken_answer_leaves_the_old_keys(place):
    async def story():
        company, clock = Company(), SetClock()
        site = Site(company.jwks())
        async with serving(site) as url:
            source = KeysFromUrl(COMPANY, url, ("ES256",), allow_http=True)
            await source.refresh(clock.ms)
            first = source.keys
            assert first is not None
            site.body, site.status, site.headers = broken_answers(Company())[place]
            await source.refresh(clock.ms + RETRY_MS)
            assert site.asked == 2
            assert source.keys is first

    asyncio.run(story())


def test_keys_that_cannot_be_confirmed_for_a_day_go():
    async def story():
        company, clock = Company(), SetClock()
        site = Site(company.jwks())
        async with serving(site) as url:
            checked = checked_by(KeysFromUrl(COMPANY, url, ("ES256",), allow_http=True), clock)
            await checked.refresh()
            token = company.token(exp=NOW_MS // 1000 + 3 * 86_400)
            site.status = 503
            clock.ms += STALE_MS - 1
            await checked.refresh()
            assert checked.verify(token, clock.ms)
            clock.ms += RETRY_MS * 20
            await checked.refresh()
            assert refused(checked, token, clock).code == "unknown_key"

    asyncio.run(story())


def test_a_dead_address_is_no_fault_of_ours():
    async def story():
        source = KeysFromUrl(COMPANY, "http://127.0.0.1:9/keys", ("ES256",), allow_http=True)
        await source.refresh(NOW_MS)
        assert source.keys is None
        assert not source.due(NOW_MS + 1)
        assert source.due(NOW_MS + RETRY_MS)

    asyncio.run(story())


def test_the_loop_wakes_for_an_unknown_key():
    async def story():
        company, clock = Company(), SetClock()
        site = Site(company.jwks())
        async with serving(site) as url:
            source = KeysFromUrl(COMPANY, url, ("ES256",), allow_http=True)
            checked = checked_by(source, clock)
            looking = asyncio.create_task(checked.run())
            try:
                async with asyncio.timeout(5):
                    while source.keys is None:
                        await asyncio.sleep(0)
                    first = source.keys
                    site.body = Company().jwks()
                    clock.ms += RETRY_MS
                    refused(checked, company.token({"kid": "new"}), clock)
                    while source.keys is first:
                        await asyncio.sleep(0)
            finally:
                looking.cancel()
                await asyncio.gather(looking, return_exceptions=True)
            assert site.asked == 2

    asyncio.run(story())


@pytest.mark.parametrize(
    "url", ["http://login.example/keys", "http://10.0.0.1/keys", "ftp://login.example", "file:///etc/keys", "keys",
            "https://user:word@login.example/keys", "http://127.0.0.1.evil.example/keys", "https://", "https://a b/"]
)  # fmt: skip
def test_urls_that_are_never_fetched(url):
    with pytest.raises(ConfigError):
        KeysFromUrl(COMPANY, url, ("ES256",), allow_http=True)


def test_http_on_a_loopback_address_only_when_allowed():
    with pytest.raises(ConfigError):
        KeysFromUrl(COMPANY, "http://127.0.0.1/keys", ("ES256",))


def test_a_file_is_read_again_when_it_changes(tmp_path):
    async def story():
        old, new = Company(), Company()
        new.kid = "ec-2"
        path = tmp_path / "keys.json"
        path.write_bytes(old.jwks())
        clock = SetClock()
        checked = checked_by(KeysFromFile(COMPANY, path, ("ES256",)), clock)
        assert checked.verify(old.token(), clock.ms)
        path.write_bytes(new.jwks())
        assert refused(checked, new.token(), clock).code == "unknown_key"
        await checked.refresh()
        assert checked.verify(new.token(), clock.ms)
        path.write_bytes(b"broken")
        clock.ms += RETRY_MS * 20
        await checked.refresh()
        assert checked.verify(new.token(exp=clock.ms // 1000 + 9), clock.ms)

    asyncio.run(story())


@pytest.mark.parametrize("content", [None, b"", b"{}", b'{"keys":[]}'])
def test_a_file_that_is_no_key_set_stops_the_start(tmp_path, content):
    path = tmp_path / "keys.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        KeysFromFile(COMPANY, path, ("ES256",))
    assert str(path) in str(caught.value)


def test_issuers_of_the_configuration(tmp_path):
    company = Company()
    (tmp_path / "login.json").write_bytes(company.jwks())
    config = Config(
        tenants=("main", "side"),
        issuers=(
            IssuerConfig(issuer=COMPANY, tenant="side", jwks_file="login.json", subject_prefix="corp:",
                         algorithms=(Algorithm.ES256,), audiences=("api://gate",)),
            IssuerConfig(issuer="https://second.example", subject_prefix="two:", jwks_url="https://second.example/keys"),
        ),
    )  # fmt: skip
    issuers = company_issuers(config, tmp_path)
    checked = TokenVerifier(issuers, {"side": RUNTIMES}.__getitem__, SetClock())
    found = checked.verify(company.token(aud="api://gate"), NOW_MS)
    assert (found.initiator.tenant, found.initiator.subject) == ("side", "corp:ana")
    assert reserved_prefixes(config, "side") == ("corp:",)
    assert reserved_prefixes(config, "main") == ("two:",)
