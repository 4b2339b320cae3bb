"""Names of things that only prepare: drafts, a person's own marks, effects on this machine or in this session."""

from collections.abc import Sequence

from callgate.core.classifying.lexicon import (
    CHANGES,
    JOINS,
    LOOKS,
    LOOKS_OR_NAMES,
    MONEY_THINGS,
    MOSTLY_NAMES,
    ROOT_KEYS,
    SHARED_KEYS,
)
from callgate.core.classifying.words import Word
from callgate.model.base import Fact


class Softer(Fact, frozen=True):
    """A reason to call a name draft; ``verb``: the word that decided."""

    verb: str
    reason: str


def _fs(text: str) -> frozenset[str]:
    return frozenset(text.split())


_MAKES = _fs("create make add new write compose save prepare update edit modify patch append start insert upload")
_UNMAKES = _fs("delete remove discard clear")
_PUBLISHES = _fs(
    "send publish submit finalize finalise promote convert approve merge state status ready release deploy schedule"
    " forward complete post transition toggle mark undraft order pick"
)
_OWN_MARKS = _fs(
    "star unstar favorite favourite unfavorite unfavourite bookmark unbookmark snooze unsnooze mute unmute"
)
_MAIL = _fs("mail email gmail inbox thread message mailbox outlook")
_SESSION_VERBS = _fs(
    "select switch use set choose new connect disconnect open close start end login logout authenticate exit"
)
_SESSION_THINGS = _fs(
    "account context project workspace organization organisation org database profile session connection tenant namespace"
    " directory region tab browser tabs environment subscription cluster"
)
_CHOSEN_THINGS = _fs("board team repo repository")
_SIGNS = _fs("login logout authenticate connect disconnect")
_OPENS = _fs("open close start end exit new connect disconnect")
_PAGE_MOVES = _fs("navigate scroll hover resize zoom goto wait maximize minimize")
_FILES = _fs("file directory spreadsheet presentation workbook diagram dir canvas mkdir")
_PAPERS = _fs("folder doc document")
"""Files where files are kept, and shared things in systems of other kinds."""
_PLACES = _fs("drive onedrive disk file files docs doc sheets slides fs filesystem dropbox box mail gmail storage")
_SHARED_THINGS = _fs(
    "release issue comment branch page content gist commit attachment permission pull merge repository repo share wiki"
    " update overwrite replace write edit version template field property upload from category tag name contents"
)
_TOKENS = _fs("token key secret password link url credential certificate invite code api sas signed presigned sql")
_MEMORY = _fs("memory memories remember recall knowledge")
_TARGETS = _fs("bucket s3 email emails recipients webhook url table destination dataset to uri topic destination_uri")
_FORMATS = _fs(
    "pdf csv json html xml yaml text txt markdown md excel xlsx xls docx doc pptx png jpg jpeg svg gif mp3 mp4 file disk zip"
    " word powerpoint image figma latex epub ics local"
)
_QUEUES = _fs("message messages queue")
_VCS = _fs("commit stage unstage stash add reset checkout restore fetch pull init")


class ToolName(Fact, frozen=True):
    """``words``: without the vendor's prefix. ``keys``: folded names of arguments. ``context``: words of the
    integration's name.
    """

    words: tuple[Word, ...]
    bases: frozenset[str]
    keys: frozenset[str]
    context: frozenset[str]


def softer(words: Sequence[Word], keys: frozenset[str], context: frozenset[str]) -> Softer | None:
    """Why the name says that nobody else is touched yet; None: it does not say so.

    A name that holds a word for a further effect (``send``, ``publish``, ``and``) never is one of these.
    """
    name = ToolName(words=tuple(words), bases=frozenset(one.base for one in words), keys=keys, context=context)
    if not words or name.bases & JOINS:
        return None
    rules = _OWN if name.bases & (LOOKS | LOOKS_OR_NAMES) else (*_OWN, *_PREPARING)
    return next((found for found in (rule(name) for rule in rules) if found is not None), None)


def _draft(name: ToolName) -> Softer | None:
    told = " ".join(one.base for one in name.words)
    further = _PUBLISHES - ({"order"} if "draft order" in told else set())
    if name.bases & {"draft", "pending"} == frozenset() or name.bases & further:
        return None
    verb = next((one for one in name.words if one.base in _MAKES | _UNMAKES), None)
    if verb is None and name.words[0].base == "draft" and name.words[0].plain and len(name.words) > 1:
        verb = name.words[0]
    if (
        verb is None
        and name.words[-1].base == "draft"
        and not any(one.plain and one.base in CHANGES for one in name.words[:-1])
    ):
        verb = name.words[-1] if len(name.words) > 1 else None
    if verb is None or (
        name.bases & _fs("review comment") == frozenset() and "pending" in name.bases and "draft" not in name.bases
    ):
        return None
    if verb.base not in _UNMAKES and name.bases & _fs("pull release issue ticket"):
        # A draft of these is a state that others see.
        return None if "pending" not in name.bases and "review" not in name.bases else _said(verb, "a draft or pending")
    return _said(verb, "a draft or pending")


def _said(verb: Word, what: str) -> Softer:
    return Softer(verb=verb.text, reason=f"The name says {verb.text} and {what}: it prepares.")


def _own_mark(name: ToolName) -> Softer | None:
    verb = next((one for one in name.words if one.base in _OWN_MARKS and one.plain), None)
    if verb is not None and not name.bases & _fs(
        "alert incident monitor user member host list add remove delete alarm issue service policy rule error check detector"
        " ticket case"
    ):
        return Softer(verb=verb.text, reason=f"The name says {verb.text}: a person's own mark.")
    if "mark" in name.bases and name.bases & _fs("read unread seen") and not name.bases & _fs("delete spam"):
        return Softer(verb="mark", reason="The name says mark and read: a person's own mark.")
    if (
        "notification" in name.bases
        and name.bases & _fs("dismiss manage watch ignore")
        and not name.bases & _fs("policy channel rule")
    ):
        verb = next(one for one in name.words if one.base in _fs("dismiss manage watch ignore"))
        return Softer(verb=verb.text, reason="The name says notification: a person's own subscription.")
    todo = "todo" in name.bases and name.bases & _fs("create add update complete")
    return Softer(verb="todo", reason="The name says todo: a person's own list.") if todo else None


def _mail_label(name: ToolName) -> Softer | None:
    mail = bool(name.bases & _MAIL) or any("mail" in one for one in name.context)
    verb = next((one for one in name.words if one.base in _fs("label unlabel relabel")), None)
    if not mail or verb is None or name.bases & _fs("sensitive trash spam delete manage apply"):
        return None
    if name.bases & CHANGES - _fs(
        "label unlabel relabel create add remove modify update mail email message thread reset set"
    ):
        return None
    return Softer(verb=verb.text, reason=f"The name says {verb.text} of mail: a person's own order.")


def _local(name: ToolName) -> Softer | None:
    for one in name.words:
        if (
            one.base in ("download", "screenshot")
            and one.plain
            and not name.bases & (CHANGES - MOSTLY_NAMES - _fs("download screenshot take capture get"))
        ):
            return Softer(verb=one.text, reason=f"The name says {one.text}: it writes on this machine.")
    if (
        name.words[0].base == "export"
        and not name.keys & _TARGETS
        and not goes_somewhere(name.words)
        and not name.bases & (CHANGES - MOSTLY_NAMES - _fs("export"))
    ):
        return Softer(verb="export", reason="The name says export: a copy for the one who asks.")
    if name.keys & ROOT_KEYS:
        verb = next((one for one in name.words if one.base in _VCS and one.plain), None)
        if verb is not None and "push" not in name.bases and "force" not in name.keys and "hard" not in name.keys:
            return Softer(verb=verb.text, reason=f"The name says {verb.text} in a working copy on this machine.")
    return None


def goes_somewhere(words: Sequence[Word]) -> bool:
    """``export_to_drive``; not ``export_to_pdf``."""
    texts = [one.text for one in words]
    return "to" in texts and not _FORMATS.issuperset(texts[texts.index("to") + 1 :])


def _looking_around(name: ToolName) -> Softer | None:
    verb = next((one for one in name.words if one.plain and one.base in _PAGE_MOVES), None)
    sure = (name.bases | name.context) & _fs("browser page tab window")
    if verb is None or not (sure or verb.base in ("scroll", "hover", "navigate")):
        return None
    return Softer(verb=verb.text, reason=f"The name says {verb.text}: it moves what this session looks at.")


def _session(name: ToolName) -> Softer | None:
    verb = next((one for one in name.words if one.plain and one.base in _SESSION_VERBS), None)
    if verb is None or name.bases & (CHANGES - _SESSION_VERBS - _fs("default current active")):
        return None
    alone = len(name.words) <= (1 if verb.base in ("connect", "disconnect") else 2)
    if verb.base in _SIGNS and alone:
        return Softer(verb=verb.text, reason=f"The name says {verb.text}: it is about this session.")
    active = bool(name.bases & _fs("current active"))
    last = name.words[-1]
    if last.base not in (_SESSION_THINGS | _CHOSEN_THINGS if active else _SESSION_THINGS):
        return None
    if verb.base == "set" and not (active or name.bases & _fs("default context")):
        return None
    if verb.base in _OPENS and not name.bases & _fs("session connection tab browser"):
        return None
    return Softer(verb=verb.text, reason=f"The name says {verb.text} and {last.text}: it is about this session.")


def _own_file(name: ToolName) -> Softer | None:
    verb = next(
        (one for one in name.words if one.base in ("create", "copy", "duplicate", "make", "mkdir") and one.plain), None
    )
    kept = bool((name.bases | name.context) & _PLACES - _fs("doc")) or "docs" in name.context
    thing = next((one for one in name.words if one.base in (_FILES | _PAPERS if kept else _FILES)), None)
    if verb is None or thing is None or name.bases & _SHARED_THINGS or name.keys & SHARED_KEYS:
        return None
    if verb.base == "create" and name.bases & (CHANGES - _fs("create new")):
        return None
    return Softer(verb=verb.text, reason=f"The name says {verb.text} and {thing.text}: a new one of one's own.")


def _branch(name: ToolName) -> Softer | None:
    verb = next((one for one in name.words if one.base in ("create", "new") and one.plain), None)
    ends = "branch" in (name.words[-1].base, name.words[0].base)
    if verb is None or not ends or name.bases & (CHANGES - _fs("create new branch")):
        return None
    return Softer(verb=verb.text, reason=f"The name says {verb.text} and branch: nothing until it is merged.")


def _made_up(name: ToolName) -> Softer | None:
    verb = next((one for one in name.words if one.base == "generate" and one.plain), None)
    if (
        verb is not None
        and not name.bases & (_TOKENS | MONEY_THINGS | {"design"})
        and not name.bases & (CHANGES - _fs("generate report test document"))
    ):
        return Softer(verb=verb.text, reason="The name says generate: something new, for the one who asks.")
    if (name.bases | name.context) & _MEMORY and not name.bases & _UNMAKES:
        verb = next(
            (one for one in name.words if one.base in _fs("create add save store remember") and one.plain), None
        )
        if verb is not None:
            return Softer(verb=verb.text, reason=f"The name says {verb.text}, into the assistant's own memory.")
    return None


def _queue(name: ToolName) -> Softer | None:
    verb = next((one for one in name.words if one.base == "receive"), None)
    if verb is not None and name.bases & _QUEUES and not name.bases & (CHANGES - _fs("receive message queue")):
        return Softer(verb=verb.text, reason="The name says receive: what is read is hidden from others for a while.")
    return None


_OWN = (_draft, _own_mark)
"""Also of names that hold a looking verb: ``mark_as_read``."""
_PREPARING = (_mail_label, _local, _looking_around, _session, _own_file, _branch, _made_up, _queue)
