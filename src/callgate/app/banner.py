"""What a starting gate tells the person: where it is, how to sign in, what to try first."""

from pathlib import Path

from callgate import __version__
from callgate.flow.tenancy import Tenancy
from callgate.model.config import Config
from callgate.model.terms import Stage


def banner(home: Path, config: Config, tenancy: Tenancy, *, command: str, helpers: str, elsewhere: bool) -> str:
    """Plain text. ``command`` starts the callgate command from any folder, ``helpers`` is where login leaves header
    helpers; ``elsewhere``: the home is not the default.
    """
    live = tenancy.live
    names = sorted(name for name, connected in live.connected.items() if connected.pin is not None)
    profile = live.bundle.profile.value if live.bundle else "none"
    parts = [
        f"Callgate {__version__} serves {config.resource}/mcp/<integration>  (profile {profile}, home {home})",
        f"Integrations: {', '.join(names) or 'none yet; add one: callgate add NAME --url … or --stdio …'}",
        *_observed(tenancy),
        "",
    ]
    if names:
        parts += [_sign_in(config, names[0], home, command, helpers, elsewhere=elsewhere)]
        parts += [_first_call(live.integrations[names[0]].writable, names[0])]
    parts.append("Ctrl-C stops it; a second start keeps everything.")
    return "\n".join(parts)


def _observed(tenancy: Tenancy) -> list[str]:
    live, now = tenancy.live, tenancy.clock.now_ms()
    until = {one.name: one.until for one in live.bundle.observing} if live.bundle else {}
    said = [f"{name} (until {day})" for name, day in until.items() if live.stage(name, now) is Stage.OBSERVE]
    return [f"Only observed, hardly anything is stopped: {', '.join(said)}"] if said else []


def _sign_in(config: Config, name: str, home: Path, command: str, helpers: str, *, elsewhere: bool) -> str:
    url = f"{config.resource}/mcp/{name}"
    export = f"     export CALLGATE_HOME={home}\n" if elsewhere else ""
    return f"""\
1. In another terminal, sign in once a day (asks your passphrase):
     alias callgate={command}
{export}     callgate login --runtime callgate-cli --runtime codex --runtime claude-code

2. Codex, in ~/.codex/config.toml:
     [mcp_servers.{name}]
     url = "{url}"
     http_headers_helper = "{helpers}/codex"

   Claude Code, in .mcp.json:
     {{"mcpServers": {{"{name}": {{"type": "http", "url": "{url}",
       "headersHelper": "{helpers}/claude-code"}}}}}}

   All integrations at once, tools named <integration>__<tool>: {config.resource}/mcp
   An assistant that starts programs instead: callgate stdio {name}
"""


def _first_call(writable: tuple[str, ...], name: str) -> str:
    if name != "git" or not writable:
        return "3. See its tools: callgate tools\n"
    repository = writable[0]
    return f"""\
3. Try it without an assistant:
     callgate call git git_status '{{"repo_path": "{repository}"}}'
       -> answered at once: a read inside the everyday rules
     callgate call git git_commit '{{"repo_path": "{repository}", "message": "first"}}'
       -> "waits for people": nothing is committed until you say so
     callgate holds list        callgate holds approve HOLD        callgate events
"""
