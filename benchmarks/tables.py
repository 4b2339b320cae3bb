"""Rows that are printed as they are measured, and kept."""


class Table:
    """Columns by name with their format, as ``"calls/s": "10.0f"``; a text column needs its width alone: ``"<22"``."""

    def __init__(self, **columns: str) -> None:
        self._columns = columns
        self.rows: list[dict] = []
        print("".join(self._cell(name, form, name) for name, form in columns.items()), flush=True)

    def add(self, row: dict, **more) -> None:
        """Printed are the row's columns; kept is all of it."""
        self.rows.append({**row, **more})
        print("".join(self._cell(name, form, row.get(name)) for name, form in self._columns.items()), flush=True)

    @staticmethod
    def _cell(name: str, form: str, value) -> str:
        """``form``: width with ``.digits`` of a figure, or ``<width`` of a text."""
        width, _, digits = form.strip("<f").partition(".")
        wide = max(len(name), int(width))
        if isinstance(value, str) or value is None:
            return f"{value or '-':{'<' if form.startswith('<') else '>'}{wide}}  "
        return f"{value:>{wide}.{digits}f}  "


def load_row(found: dict) -> dict:
    """The columns of a load."""
    return {"calls/s": found["rate"], "p50 ms": found["p50"], "p99 ms": found["p99"], "CPU us": found["cpu_us"]}


LOAD = {"calls/s": "8.1f", "p50 ms": "8.2f", "p99 ms": "8.2f", "CPU us": "7.0f"}
