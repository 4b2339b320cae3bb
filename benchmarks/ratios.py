"""What the figures of one run say about each other. Nothing here is known before the run."""

AIM = 5
"""Times the calls per second of the SDK's proxy, at each of ``AT`` calls in flight."""
AT = (16, 64)
GATES = ("warm", "90", "cold")
OURS = ("direct", "hop", "sdk", *GATES)


def ratios(rows: list[dict]) -> str:
    """The block under the table; empty without a path to compare with."""
    found = {(row["path"], row["many"]): row for row in rows}
    bases = [base for base in ("hop", "sdk") if any(row["path"] == base for row in rows)]
    if not bases:
        return ""
    heads = "".join(f"{f'calls/s to {base}':>16}{f'CPU to {base}':>13}" for base in bases)
    lines = ["ratios in this run", f"{'path':14}{'in flight':>10}{heads}{'added p50 ms':>14}"]
    for row in rows:
        if row["path"] == "direct" or not row["calls"]:
            continue
        cells = "".join(_cells(row, found.get((base, row["many"]))) for base in bases)
        added = "-" if row["added_p50"] is None else f"{row['added_p50']:.2f}"
        lines.append(f"{row['path']:14}{row['many']:10}{cells}{added:>14}")
    return "\n".join([*lines, *_aims(found), *_times(rows, found)])


def _cells(row: dict, base: dict | None) -> str:
    if base is None or not base["calls"]:
        return f"{'-':>16}{'-':>13}"
    cpu = _short(row["cpu_us"] / base["cpu_us"]) if base["cpu_us"] else "-"
    return f"{_short(row['rate'] / base['rate']):>16}{cpu:>13}"


def _short(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"


def _aims(found: dict[tuple[str, int], dict]) -> list[str]:
    lines = []
    for gate in GATES:
        pairs = [(many, found.get((gate, many)), found.get(("sdk", many))) for many in AT]
        if any(one is None or base is None or not base["calls"] for _, one, base in pairs):
            continue
        met = all(one["rate"] >= AIM * base["rate"] for _, one, base in pairs)
        said = ", ".join(
            f"{one['rate']:.0f} / {base['rate']:.0f} = {one['rate'] / base['rate']:.2f} at {many}"
            for many, one, base in pairs
        )
        lines.append(
            f"Callgate ({gate}) at least {AIM} times the SDK proxy's calls/s at 16 and 64: "
            f"{'met' if met else 'not met'} ({said})"
        )
    return ["", *lines] if lines else []


def _times(rows: list[dict], found: dict[tuple[str, int], dict]) -> list[str]:
    """Callgate beside each other product of the run."""
    lines = []
    for name in dict.fromkeys(row["path"] for row in rows):
        if name in OURS:
            continue
        said = [
            f"{found['warm', many]['rate'] / base['rate']:.0f} at {many}"
            for (path, many), base in found.items()
            if path == name and base["calls"] and ("warm", many) in found
        ]
        if said:
            lines.append(f"Callgate (warm), times the calls/s of {name}: {', '.join(said)}")
    return ["", *lines] if lines else []
