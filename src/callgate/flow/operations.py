"""What an operator does to the running process: reload its settings, read its metrics."""

from callgate.flow.admin import Peer
from callgate.flow.desk import Desk
from callgate.flow.views.gate import ConfigView, ReloadView
from callgate.model.errors import AuthError, InputError


class Operating(Desk):
    async def reload_config(self, peer: Peer) -> ReloadView:
        if peer.uid not in (0, self._tools.info.uid):
            raise AuthError(
                "The gate's settings are its own operating-system user's to reload.",
                code="not_gate_user",
                hint="Ask whoever runs the gate.",
            )
        if self._tools.operations is None:
            raise InputError("No gate is running that could reload.", code="not_running")
        return await self._tools.operations.reload("command")

    async def metrics(self) -> bytes:
        if self._tools.metrics is None:
            raise InputError("The metrics of a gate are read at its first tenant.", code="not_here")
        return await self._tools.metrics()

    def _config(self) -> ConfigView:
        return self._tools.operations.config() if self._tools.operations is not None else ConfigView()
