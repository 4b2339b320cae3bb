"""The error tree. A refusal is a value (see decision.py); these are faults.

CallgateError
  InputError        the caller must change the request
    UnknownTool, MalformedCall
  AuthError         no or bad credential
  ConfigError       the operator must change a file: refuse to start
  UpstreamError     the target failed or refused; nothing of the request was sent, or an answer came
    OutcomeUnknown  sent, no answer: the effect may have happened, never retried blindly
  StoreError        our storage failed: the call is refused
  IntegrityError    the ledger does not verify, or an illegal step: stop writing

No message carries arguments, results or tokens. Protocol codes are mapped in the fronts alone.
"""


class CallgateError(Exception):
    """Base. ``code`` is stable, lower snake case, documented in docs/reference/errors.md."""

    code = "fault"

    def __init__(self, message: str, *, code: str | None = None, hint: str = "") -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
        self.message = message
        self.hint = hint
        """What to do next, one sentence for people; may be empty."""
        self.said: tuple[str, ...] = ()
        """Lines of a server's own, for the operator's eyes; never in logs and answers."""


class InputError(CallgateError):
    code = "bad_input"


class UnknownTool(InputError):
    code = "unknown_tool"


class MalformedCall(InputError):
    code = "malformed_call"


class AuthError(CallgateError):
    code = "unauthenticated"


class ConfigError(CallgateError):
    """``file`` and ``key`` say where; ``message`` says what is wrong and what is allowed."""

    code = "bad_config"

    def __init__(self, message: str, *, file: str = "", key: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.file = file
        self.key = key

    def __str__(self) -> str:
        where = ": ".join(part for part in (self.file, self.key) if part)
        return f"{where}: {self.message}" if where else self.message


class UpstreamError(CallgateError):
    code = "upstream_failed"


class OutcomeUnknown(UpstreamError):
    code = "outcome_unknown"


class StoreError(CallgateError):
    code = "store_failed"


class IntegrityError(CallgateError):
    code = "integrity"
