"""The systemd unit of a gate that runs as a user of its own (systemd.exec(5), systemd.service(5))."""

import re
from pathlib import Path

from callgate.model.base import Fact
from callgate.model.errors import ConfigError

STATE = Path("/var/lib")
RUN = Path("/run")
ENVIRONMENT = Path("/etc/callgate/environment")
"""Read by the service manager as root: credentials that integrations name as ``env:NAME``."""
_PLAIN = re.compile(r"/[A-Za-z0-9_./@+-]*\Z")
_NAME = re.compile(r"[a-z_][a-z0-9_-]{0,30}\Z")
_HOMES = (Path("/home"), Path("/root"))


class ServicePlan(Fact, frozen=True):
    """How the service is to run."""

    user: str
    home: str
    program: str
    """Absolute path of the callgate command."""
    writable: tuple[str, ...] = ()
    """Folders that its stdio servers may change."""
    no_jit: bool = False
    """No memory that was written is ever executed. JavaScript and JVM servers do not start then."""

    @property
    def socket(self) -> str:
        return str(RUN / self.user / "gate.sock")


def check_plan(plan: ServicePlan) -> None:
    """ConfigError for what a unit could not hold as it is."""
    if _NAME.match(plan.user) is None or plan.user == "root":
        raise ConfigError("That is no name of a user for a service.", key="user-name")
    for path in (plan.home, plan.program, *plan.writable):
        if _PLAIN.match(path) is None or ".." in path.split("/"):
            raise ConfigError("Absolute, of letters, digits and _ . / @ + - only.", key=path)
    if Path(plan.home).parent in (Path("/"), STATE):
        raise ConfigError("The home needs a folder of its own above it, such as /var/lib/callgate.", key=plan.home)
    if Path(plan.home).is_relative_to(RUN) or Path(plan.home).is_relative_to("/tmp"):  # noqa: S108 - it is refused
        raise ConfigError("The home would be gone after a restart of the machine.", key=plan.home)


def unit_text(plan: ServicePlan) -> str:
    """Raises ConfigError."""
    check_plan(plan)
    parent = Path(plan.home).parent
    own = parent == STATE / plan.user
    folders = [f"StateDirectory={plan.user}", "StateDirectoryMode=0700"] if own else []
    writable = [] if own else [str(parent)]
    writable += plan.writable
    inside = any(Path(path).is_relative_to(one) for path in (plan.program, *writable) for one in _HOMES)
    return _UNIT.format(
        user=plan.user,
        program=plan.program,
        home=plan.home,
        environment=ENVIRONMENT,
        folders="".join(f"{line}\n" for line in folders),
        writable="".join(f"ReadWritePaths={path}\n" for path in writable),
        homes="read-only" if inside else "yes",
        jit="MemoryDenyWriteExecute=yes" if plan.no_jit else _JIT,
    )


_JIT = "# MemoryDenyWriteExecute=yes: the gate runs with it, servers in JavaScript do not (install with --no-jit)."
_UNIT = """\
# Written by callgate service install. Changes of your own: systemctl edit {user}
[Unit]
Description=Callgate, the gate that tool calls of assistants pass
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
User={user}
Group={user}
ExecStart={program} serve --home {home}
ExecReload={program} reload --home {home}
# Values of env:NAME credentials; root's alone.
EnvironmentFile=-{environment}
{folders}RuntimeDirectory={user}
RuntimeDirectoryMode=0755
UMask=0077
Restart=on-failure
RestartSec=2
# 2: a setting must change first.
RestartPreventExitStatus=2
TimeoutStartSec=120
# Calls under way get their answers; servers of the gate are its own to end.
TimeoutStopSec=90
KillMode=mixed
# A server that takes too much memory ends alone.
OOMPolicy=continue
LimitCORE=0
LimitNOFILE=65536

# What the gate can see and change.
ProtectSystem=strict
{writable}ProtectHome={homes}
PrivateTmp=yes
PrivateDevices=yes
ProtectProc=invisible
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
# Not PrivateUsers: the gate asks the kernel who is at the other end of its socket.

# What it can do. Servers it starts confine themselves further (Landlock, seccomp), which needs @sandbox.
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
KeyringMode=private
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=landlock_create_ruleset landlock_add_rule landlock_restrict_self seccomp memfd_create
SystemCallErrorNumber=EPERM
{jit}

[Install]
WantedBy=multi-user.target
"""
