"""What somebody changed in the store while no gate ran."""

import msgspec
import pytest

from callgate.flow.rows import put
from callgate.model.answer import Pending
from callgate.model.errors import ConfigError
from callgate.model.store import Unit
from tests.fakes.house import open_house, run


def test_rules_that_are_not_what_their_name_says_are_not_used():
    async def check():
        house = await open_house()
        assert isinstance(await house.commit(), Pending)
        bundle = house.live.bundle
        loose = tuple(msgspec.structs.replace(one, approval=None) for one in bundle.duties)
        changed = msgspec.structs.replace(bundle, duties=loose)
        await house.store.commit(Unit(changes=(put(bundle.digest, changed, expect=None),)))
        with pytest.raises(ConfigError, match="changed under their name"):
            await house.crash()
        await house.store.commit(Unit(changes=(put(bundle.digest, bundle, expect=None),)))
        await house.crash()

    run(check())


def test_contracts_that_are_not_what_their_id_says_are_not_used():
    async def check():
        house = await open_house()
        contract = next(iter(house.live.contracts.values())).contract
        wider = msgspec.structs.replace(contract, irreversible=not contract.irreversible)
        await house.store.commit(Unit(changes=(put(contract.id, wider, expect=None),)))
        with pytest.raises(ConfigError, match="changed under their name"):
            await house.crash()

    run(check())
