"""A real gate beside a manifest that cannot be used: it starts, says so, and nothing else of it is worse for that."""

import sys

import pytest

from tests.e2e.harness import ROOT, SERVERS, Gate

pytestmark = pytest.mark.e2e
TRACKER = ROOT / "tests" / "golden" / "manifests" / "tracker" / "manifest.toml"
COMMAND = [sys.executable, str(SERVERS / "tracker.py")]


def tiers(gate):
    return {row["tier"] for row in gate.get("tools", integration="tracker")["tools"] if row["method"] == "tools/call"}


def test_a_broken_manifest_costs_its_own_integration_alone(tmp_path):
    gate = Gate(tmp_path)
    gate.init()
    gate._write("manifests/tracker/manifest.toml", TRACKER.read_text())
    gate._write("manifests/other/manifest.toml", "integration = 7\n")
    try:
        gate.start()
        gate.ask("policy", "propose", "--passphrase-fd", "0")
        (proposal,) = gate.get("policy")["proposals"]
        gate.act("policy", "approve", act={"digest": proposal["digest"]})
        gate.add("tracker", command=COMMAND, confined=False)
        assert tiers(gate) >= {"read", "execute"}
        gate.stop()
        gate._write("manifests/tracker/manifest.toml", TRACKER.read_text().replace('vendor = "', 'vendr = "'))
        gate.start()
        assert tiers(gate) == {"execute"}
        assert "manifest_unusable" in gate.stderr.read_text()
        assert "its manifest cannot be used" in " ".join(gate.command("status").stdout.split())
        wanted = {"name": "again", "actor": "robot", "command": COMMAND, "confined": False, "manifest": "tracker"}
        found = gate.act("integrations", "look", act={"integration": wanted, "everyday": "none"})
        assert any("vendr: There is no such key here. Did you mean vendor?" in one for one in found["warnings"])
        assert gate.verify()["ok"]
        gate.stop()
        gate._write("manifests/tracker/manifest.toml", TRACKER.read_text())
        gate.start()
        assert tiers(gate) >= {"read", "execute"}
        assert gate.stop() == 0
    finally:
        gate.kill()
