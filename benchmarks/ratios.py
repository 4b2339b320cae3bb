"""What the figures of one run say about each other. Nothing here is known before the run."""

AIM = 5
"""Times the calls per second of the SDK's proxy, at each of ``AT`` calls in flight."""
AT = (16, 64)
RATES = {"warm": 3_000, "cold": 2_500}
"""Calls per second of one core at 64 in flight, where the hop makes ``HOP_RATE``."""
HOP_RATE = 7_746
ADDED = {1: (1.5, 0.29), 16: (6.0, 1.76)}
"""By calls in flight: the median in ms that a warm gate may add to a direct call, where the hop adds the second."""
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
    return "\n".join([*lines, *_aims(found), *_scaled(found), *_times(rows, found)])


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


def _scaled(found: dict[tuple[str, int], dict]) -> list[str]:
    """The aims of one core in units of the hop: on the core that they were set on it made ``HOP_RATE``."""
    lines = []
    for gate, aim in RATES.items():
        one, hop = found.get((gate, 64)), found.get(("hop", 64))
        if one is not None and hop is not None and hop["calls"]:
            scaled = one["rate"] * HOP_RATE / hop["rate"]
            lines.append(
                f"Callgate ({gate}) at least {aim:,} calls/s at 64 where the hop makes {HOP_RATE:,}: "
                f"{'met' if scaled >= aim else 'not met'} ({scaled:,.0f}; here {one['rate']:,.0f} and {hop['rate']:,.0f})"
            )
    for many, (aim, base) in ADDED.items():
        one, hop = found.get(("warm", many)), found.get(("hop", many))
        if one is not None and hop is not None and one["added_p50"] is not None and hop["added_p50"]:
            scaled = one["added_p50"] * base / hop["added_p50"]
            lines.append(
                f"Callgate (warm) adds under {aim:g} ms at {many} where the hop adds {base:g}: "
                f"{'met' if scaled < aim else 'not met'} ({scaled:.2f}; here {one['added_p50']:.2f} and {hop['added_p50']:.2f})"
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
