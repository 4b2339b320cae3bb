"""HTML that cannot be wrong about escaping: texts are escaped where they are put, and nothing else makes markup."""

from html import escape

from callgate.cli.text import safe

_VOID = frozenset({"meta", "br"})


class Element:
    """One element. Children that are texts are escaped; only elements stay markup."""

    def __init__(self, kind: str, /, *children: "Element | str", **attributes: str) -> None:
        """``class_``, ``for_``: the underscore is left out; inside a name it is a dash."""
        self._kind = kind
        self._children = children
        self._attributes = attributes

    def render(self) -> str:
        marks = "".join(
            f' {name.rstrip("_").replace("_", "-")}="{escape(safe(value), quote=True)}"'
            for name, value in self._attributes.items()
        )
        if self._kind in _VOID:
            return f"<{self._kind}{marks}>"
        inner = "".join(one.render() if isinstance(one, Element) else escape(safe(one)) for one in self._children)
        return f"<{self._kind}{marks}>{inner}</{self._kind}>"


class Style(Element):
    """A sheet of our own, as it stands: never made from anything that was read."""

    def __init__(self, sheet: str) -> None:
        super().__init__("style")
        self._sheet = sheet

    def render(self) -> str:
        return f"<style>{self._sheet}</style>"


def page(title: str, sheet: str, *body: Element, policy: str) -> str:
    """A whole document. ``policy``: its Content-Security-Policy."""
    head = Element(
        "head",
        Element("meta", charset="utf-8"),
        Element("meta", http_equiv="Content-Security-Policy", content=policy),
        Element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        Element("meta", name="referrer", content="no-referrer"),
        Element("meta", name="color-scheme", content="light dark"),
        Element("title", title),
        Style(sheet),
    )
    return "<!doctype html>\n" + Element("html", head, Element("body", *body), lang="en").render() + "\n"
