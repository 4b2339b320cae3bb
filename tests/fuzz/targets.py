"""Every target by its name. A target takes bytes and raises when something is wrong."""

from collections.abc import Callable

from tests.fuzz import exchanges, front, ids, inventories, ledger, loaders, messages, pipes, rules, servers, streams

Target = Callable[[bytes], None]

TARGETS: dict[str, Target] = {
    "answer": servers.answer,
    "answer_of_server": pipes.answer_of_server,
    "asked": servers.asked,
    "backup": ledger.backup,
    "cedar": loaders.cedar,
    "configuration": inventories.configuration,
    "contract": loaders.contract,
    "database": ledger.database,
    "definition": servers.definition,
    "exchange": exchanges.exchange,
    "export": ledger.export,
    "headers": messages.headers,
    "jsonc": inventories.jsonc,
    "lines": streams.lines,
    "listed": servers.listed,
    "manifest": loaders.manifest,
    "message": messages.message,
    "names": ids.names,
    "note": ledger.note,
    "pattern": ids.pattern,
    "policies": loaders.policies,
    "proof": ledger.proof,
    "query": rules.query,
    "request": front.request,
    "requests_of_client": pipes.requests_of_client,
    "sealed": front.sealed,
    "settings": loaders.settings,
    "sql": rules.sql,
    "sse": streams.sse,
    "strict": messages.strict,
    "target": ids.target,
    "texts": rules.texts,
    "tier": ids.tier,
    "token": front.token,
    "toml": inventories.toml,
    "told": servers.told,
    "trace": messages.trace,
    "upstream": messages.upstream,
    "uri": ids.uri,
    "values": ledger.values,
}
