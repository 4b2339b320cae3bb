"""Data areas and the targets that belong to them."""

from callgate.core.patterns import Patterns
from callgate.model.bundle import Domain

_MAX_REMEMBERED = 4096


class DomainMap:
    """Maps a target to its domain: the pattern with the longest literal prefix wins.

    The same pattern in two domains is a mistake that ``problems`` names; the domain with the smaller name wins, so
    that the answer never depends on an order.
    """

    __slots__ = ("_domain_of", "_patterns", "_remembered", "owners", "problems")

    def __init__(self, domains: tuple[Domain, ...]) -> None:
        domain_of: dict[str, str] = {}
        problems = []
        for domain in sorted(domains, key=lambda d: d.name):
            for pattern in domain.targets:
                other = domain_of.setdefault(pattern, domain.name)
                if other != domain.name:
                    problems.append(f"The pattern {pattern} stands in {other} and in {domain.name}.")
        self._domain_of = domain_of
        self._patterns = Patterns(domain_of)
        self._remembered: dict[str, str] = {}
        self.owners = {domain.name: domain.owner for domain in domains}
        self.problems = tuple(problems)

    def of(self, kind: str, id: str) -> str:  # noqa: A002 - the word of the noun
        """Name of the domain; empty: none is known."""
        text = f"{kind}:{id}"
        known = self._remembered.get(text)
        if known is not None:
            return known
        best = self._patterns.best(text)
        name = self._domain_of[best] if best else ""
        if len(self._remembered) >= _MAX_REMEMBERED:
            self._remembered.clear()
        self._remembered[text] = name
        return name
