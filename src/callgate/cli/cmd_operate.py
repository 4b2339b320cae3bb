"""``callgate reload``: what an operator does to a gate as a whole."""

from callgate.cli import screens
from callgate.cli.client import Gate, decode
from callgate.cli.options import HomeOption, JsonOption, sub_app
from callgate.flow.views import ReloadView

app = sub_app("Running a gate.")


@app.command("reload")
def reload(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Make the settings of config.toml live, all of them or none.

    Only addresses, limits and the log can change while the gate runs; for anything else this says which key needs a
    restart, and changes nothing. Calls under way are not disturbed.
    """
    reply = Gate(home).post("reload", body={})
    if as_json:
        screens.dump(reply)
        return
    found = decode(reply, ReloadView)
    if found.keys:
        screens.say(f"Changed: {', '.join(found.keys)}. Listening on {found.listening}")
    else:
        screens.say("No setting changed.")
