"""Whether SQL does nothing but read, or changes nothing but the shape of tables: told by parsing it (sqlglot), never by
looking at words.

INVARIANT: every node of every statement is on a list below; what is not known, not parsed, too large, or could be
read in two ways is neither. What a function or a view of the database does behind a known name cannot be seen here.
"""

import functools
from types import ModuleType
from typing import Any

DIALECTS = frozenset({"mysql", "postgres", "sqlite"})
MAX_SQL = 8192
"""Characters that are parsed; a longer text is no read. with MAX_TOKENS, 0.1 s at the very worst."""
MAX_TOKENS = 1200
MAX_DEPTH = 40
"""Parentheses and CASE inside each other."""

# Comments, escapes and quotes that one reader ends where another goes on: MySQL runs what stands in /*! */.
_TWO_WAYS = ("\\", "/*", "--", "#", "\x00", "$$", "`")
_BROKEN = (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What the parser raises for some texts in place of its own errors."""
_STATEMENTS = frozenset({"Select", "Union", "Intersect", "Except", "Values"})
_NODES = frozenset(
    [
        "Select",
        "Union",
        "Intersect",
        "Except",
        "Values",
        "Subquery",
        "With",
        "CTE",
        "From",
        "Join",
        "Where",
        "Group",
        "Having",
        "Order",
        "Ordered",
        "Limit",
        "Offset",
        "Fetch",
        "Distinct",
        "Star",
        "Table",
        "TableAlias",
        "Tuple",
        "Paren",
        "Column",
        "Identifier",
        "Alias",
        "Literal",
        "Null",
        "Boolean",
        "Parameter",
        "Placeholder",
        "DataType",
        "Interval",
        "Var",
        "Window",
        "WindowSpec",
        "Filter",
        "WithinGroup",
        "And",
        "Or",
        "Not",
        "Xor",
        "EQ",
        "NEQ",
        "GT",
        "GTE",
        "LT",
        "LTE",
        "Is",
        "In",
        "Between",
        "Like",
        "ILike",
        "Glob",
        "Exists",
        "All",
        "Any",
        "NullSafeEQ",
        "NullSafeNEQ",
        "SimilarTo",
        "RegexpLike",
        "RegexpILike",
        "Add",
        "Sub",
        "Mul",
        "Div",
        "IntDiv",
        "Mod",
        "Neg",
        "DPipe",
        "BitwiseAnd",
        "BitwiseOr",
        "BitwiseXor",
        "BitwiseNot",
        "BitwiseLeftShift",
        "BitwiseRightShift",
        "Collate",
        "Escape",
        "Case",
        "If",
        "Cast",
        "TryCast",
        "Coalesce",
        "Nullif",
        "Bracket",
        "Slice",
        "Array",
        "Count",
        "CountIf",
        "Sum",
        "Avg",
        "Min",
        "Max",
        "GroupConcat",
        "ArrayAgg",
        "StringAgg",
        "Stddev",
        "StddevPop",
        "StddevSamp",
        "Variance",
        "VariancePop",
        "Median",
        "PercentileCont",
        "PercentileDisc",
        "RowNumber",
        "Rank",
        "DenseRank",
        "PercentRank",
        "CumeDist",
        "Ntile",
        "Lag",
        "Lead",
        "FirstValue",
        "LastValue",
        "NthValue",
        "Lower",
        "Upper",
        "Length",
        "Trim",
        "Substring",
        "Replace",
        "Concat",
        "ConcatWs",
        "StrPosition",
        "Left",
        "Right",
        "Reverse",
        "Initcap",
        "Pad",
        "Repeat",
        "Abs",
        "Round",
        "Floor",
        "Ceil",
        "Sqrt",
        "Pow",
        "Exp",
        "Ln",
        "Log",
        "Sign",
        "Greatest",
        "Least",
        "Hex",
        "Typeof",
        "Unicode",
        "Chr",
        "CurrentDate",
        "CurrentTime",
        "CurrentTimestamp",
        "Date",
        "Datetime",
        "Time",
        "Timestamp",
        "DateAdd",
        "DateSub",
        "DateDiff",
        "DateTrunc",
        "TimestampTrunc",
        "Extract",
        "TimeToStr",
        "StrToTime",
        "StrToDate",
        "TsOrDsToDate",
        "TsOrDsToTimestamp",
        "TimeToUnix",
        "UnixToTime",
        "Year",
        "Month",
        "Day",
        "Hour",
        "Minute",
        "Second",
        "Quarter",
        "Week",
        "DayOfWeek",
        "DayOfMonth",
        "DayOfYear",
        "JSONExtract",
        "JSONExtractScalar",
        "JSONBExtract",
        "JSONBExtractScalar",
        "JSONPath",
        "JSONPathKey",
        "JSONPathRoot",
        "JSONPathSubscript",
        "JSONObject",
        "JSONArray",
        "JSONKeyValue",
        "JSONBContains",
        "JSONArrayAgg",
        "JSONObjectAgg",
    ]
)

_SHAPES = {"Alter": frozenset({"TABLE"}), "Create": frozenset({"TABLE", "INDEX", "VIEW"})}
_SHAPES["Drop"] = _SHAPES["Create"] | {"COLUMN", "CONSTRAINT"}
"""Statement -> what it may be about; COLUMN and CONSTRAINT stand inside of ALTER TABLE alone."""
_SHAPE_NODES = _NODES | {
    *_SHAPES,
    "AddConstraint",
    "AlterColumn",
    "AlterRename",
    "CheckColumnConstraint",
    "ColumnConstraint",
    "ColumnDef",
    "ComputedColumnConstraint",
    "Constraint",
    "DataTypeParam",
    "DefaultColumnConstraint",
    "ForeignKey",
    "GeneratedAsIdentityColumnConstraint",
    "Index",
    "IndexParameters",
    "NotNullColumnConstraint",
    "PrimaryKey",
    "PrimaryKeyColumnConstraint",
    "Reference",
    "RenameColumn",
    "Schema",
    "UniqueColumnConstraint",
    "Uuid",
}

_BARE_FUNCTIONS = frozenset(
    [
        "current_catalog",
        "current_date",
        "current_role",
        "current_schema",
        "current_time",
        "current_timestamp",
        "current_user",
        "localtime",
        "localtimestamp",
        "session_user",
        "system_user",
        "user",
    ]
)
"""Functions of PostgreSQL that are called without parentheses (its documentation, 9.9 and 9.26)."""


def load() -> None:
    """Import the parser, so that no call has to wait for it (0.3 s)."""
    _parser()


@functools.lru_cache(maxsize=256)
def only_reads(text: str, dialect: str) -> bool:
    """Whether every statement of ``text`` is a pure query. ``dialect``: one of DIALECTS. Never raises."""
    statements = _parsed(text, dialect)
    return bool(statements) and all(_is_query(statement, dialect) for statement in statements)


@functools.lru_cache(maxsize=256)
def only_shapes(text: str, dialect: str) -> bool:
    """Whether every statement makes, changes or drops a table, a column, an index or a view, and does nothing else.

    Rows may get lost with that; none are written by themselves, and no rights, functions, triggers or extensions made.
    """
    statements = _parsed(text, dialect)
    return bool(statements) and all(_is_shape(statement, dialect) for statement in statements)


def _parsed(text: str, dialect: str) -> list[Any]:
    """Empty: it is not understood for certain."""
    if not text.strip() or len(text) > MAX_SQL or any(mark in text for mark in _TWO_WAYS) or _deep(text):
        return []
    sqlglot = _parser()
    try:
        reader = sqlglot.Dialect.get_or_raise(dialect)
        tokens = reader.tokenize(text)
        return list(reader.parser().parse(tokens, text)) if len(tokens) <= MAX_TOKENS else []
    except (sqlglot.errors.SqlglotError, *_BROKEN):
        return []


def _is_query(statement: Any, dialect: str) -> bool:
    if statement is None or type(statement).__name__ not in _STATEMENTS:
        return False
    return all(type(node).__name__ in _NODES and not _calls(node, dialect) for node in statement.walk())


def _is_shape(statement: Any, dialect: str) -> bool:
    if statement is None or type(statement).__name__ not in _SHAPES:
        return False
    for node in statement.walk():
        name = type(node).__name__
        if (
            name not in _SHAPE_NODES
            or _calls(node, dialect)
            or (name in _SHAPES and str(node.args.get("kind")).upper() not in _SHAPES[name])
        ):
            return False
    return True


def _calls(node: Any, dialect: str) -> bool:
    """What the parser takes for a table or a join, and databases for a call of a function: ``from view(1)``, where the
    columns of an alias have no name before them; ``select join(1)``, which joins nothing. And a function in place of a
    table: it may be another of that name, and ``select s.nextval from lower('x') s`` is ``nextval(lower('x'))``.
    """
    args, name = node.args, type(node).__name__
    if name == "Table":
        return _is_function(args.get("this"), dialect)
    if name == "Select":
        return bool(args.get("joins")) and not (args.get("from_") or args.get("from"))
    return name == "TableAlias" and bool(args.get("columns")) and not args.get("this")


def _is_function(table: Any, dialect: str) -> bool:
    if table is None:
        return False
    if type(table).__name__ != "Identifier":
        return True
    return dialect == "postgres" and not table.args.get("quoted") and table.name.lower() in _BARE_FUNCTIONS


def _deep(text: str) -> bool:
    depth = deepest = 0
    for char in text:
        if char == "(":
            depth += 1
            deepest = max(deepest, depth)
        elif char == ")":
            depth -= 1
    return deepest > MAX_DEPTH or text.casefold().count("case") > MAX_DEPTH


@functools.cache
def _parser() -> ModuleType:
    import sqlglot  # noqa: PLC0415 - 0.3 s and 20 MiB that only integrations with SQL pay

    # It would log statements that it cannot parse, and they are arguments.
    sqlglot.parser.logger.disabled = True
    return sqlglot
