"""A gate whose ledger was signed by another key does not go on writing it."""

import asyncio
import shutil

import pytest

from callgate.adapters.home.config import read_config
from callgate.adapters.home.place import Home
from callgate.adapters.identity.keyring import Keyring
from callgate.app import init
from callgate.app.build import build_tenant
from callgate.app.system import SystemEntropy
from callgate.model.errors import ConfigError


def test_a_ledger_of_another_key_is_not_opened(tmp_path):
    place = tmp_path / "home"
    init(place, account="ana", passphrase="correct horse battery", profile="solo")
    home = Home(place)
    shutil.rmtree(home.keys)
    config = read_config(home.config)
    keys = Keyring.open(home.keys, config.tenants, SystemEntropy())
    with pytest.raises(ConfigError, match="not signed by the key"):
        asyncio.run(build_tenant(home, config, keys, config.tenants[0]))
