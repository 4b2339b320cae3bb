"""Severities of log messages (RFC 5424 section 6.2.1, by the names of MCP), the least severe first."""

LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
_severity = {level: number for number, level in enumerate(LEVELS)}


def severity(level: object) -> int | None:
    """0 to 7; None: no such level."""
    return _severity.get(level) if isinstance(level, str) else None
