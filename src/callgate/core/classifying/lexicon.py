"""English words of tool definitions by what they mean. Base forms; words.py knows the inflected ones.

Nothing here names a tool or a vendor: a word stands here because of what it means wherever it is used.
"""


def _set(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


LOOKS = _set(
    "get fetch retrieve describe lookup whoami inspect enumerate summarize summarise discover examine explore obtain peek",
    "determine identify locate compare detect calculate analyze analyse explain suggest recommend translate parse extract",
    "introspect wait grep glob visualize visualise render infer rerank tokenize decode lint validate predict simulate",
    "scrape has is can exists recall geocode whois think reason",
)
"""Verbs that look and do nothing else."""

FORETELLS = _set("preview estimate forecast count measure predict")
"""In front, verbs whose object may be a change that is only looked at: ``preview_import``."""

WORKS_OUT = _set("calculate suggest recommend predict analyze analyse explain determine")
"""In front, verbs whose object may be named like a change: ``calculate_refund``, ``suggest_reply``."""

ASKS = FORETELLS | _set("can has is exists explain")
"""Verbs beside which an argument may name an action that is only asked about: ``can_i`` with a verb."""

GETS = _set("get fetch retrieve")
"""Of LOOKS, those that govern whatever stands behind them: ``get_delete_markers``."""

LOOKS_OR_NAMES = _set(
    "list search read view show find query check browse display count compute diff estimate poll preview rank stat measure",
    "forecast aggregate help ping",
)
"""Verbs that look, and nouns too: ``archive_list``, ``run_query``, ``share_view``, ``compute_instance_delete``."""

OTHERWISE: dict[str, frozenset[str]] = {
    "ping": _set("user member channel team person people everyone group role customer owner"),
    "show": _set("notification modal dialog ad alert toast tv popup banner"),
    "display": _set("notification modal dialog ad alert toast tv popup banner message screen"),
    "simulate": _set("click key input press payment event touch swipe tap keystroke mouse"),
    "extract": _set("archive zip tar fund"),
    "obtain": _set("lock lease"),
    "locate": _set("phone"),
    "check": _set("off box checkbox"),
    "read": _set("aloud"),
    "view": _set("as"),
    "list": _set("sale auction sell nft marketplace"),
    "recall": _set("message mail email order product batch shipment lot device vehicle"),
}
"""A looking verb and words beside which it means something else: ``ping_user``, ``list_item_for_sale``."""

CHANGES = _set(
    "create delete update remove add set put insert upsert write edit modify patch send append prepend replace rename",
    "purge destroy drop wipe erase truncate clear flush empty prune clean trash discard unset overwrite upload attach",
    "detach assign reassign approve reject decline accept deny grant revoke enable disable activate deactivate suspend",
    "resume pause stop start restart reboot terminate kill abort cancel execute eval evaluate invoke apply install",
    "uninstall upgrade downgrade migrate provision deprovision allocate release rotate renew reset restore revert undo",
    "redo rollback roll promote demote publish unpublish submit finalize finalise complete finish resolve reopen close",
    "archive unarchive move transfer copy duplicate clone share unshare subscribe unsubscribe register unregister",
    "deregister enroll unenroll join leave kick ban unban mute unmute mark toggle switch use select choose connect",
    "disconnect login logout authenticate authorize confirm verify acknowledge ack escalate snooze dismiss notify alert",
    "email mail reply forward broadcast announce dispatch enqueue dequeue push pop consume receive produce emit refund",
    "pay capture void withdraw deposit purchase buy sell bill reimburse redeem adjust increment decrement bump scale",
    "resize drain cordon uncordon taint evict expose bind unbind link unlink associate disassociate relate map convert",
    "upvote downvote vote react pin unpin favorite favourite unfavorite unfavourite bookmark star unstar follow unfollow",
    "unwatch manage mutate process perform make generate compose save store persist record import load ingest sync",
    "synchronize synchronise refresh reindex rebuild regenerate redeploy rerun retry requeue replay resend recreate",
    "reconcile merge unmerge split squash rebase cherrypick commit checkout stash stage unstage fork open navigate click",
    "tap press hover drag scroll fill swipe goto download crawl capture screenshot pull lock unlock freeze unfreeze",
    "protect unprotect encrypt decrypt sign seal unseal impersonate block unblock hide unhide flag unflag quarantine",
    "isolate contain whitelist blacklist allow disallow ignore reprioritize prioritize prioritise reorder sort shuffle",
    "call text dial hang transcode trigger fire launch boot spawn shut shutdown wake power swap exchange trade stake",
    "mint burn inject override force expire extend shorten postpone reschedule book reserve unreserve rsvp invite",
    "uninvite onboard offboard hire remember forget configure reconfigure initialize initialise init bootstrap setup",
    "seed populate backfill enrich transform recover failover attest stamp tag untag label unlabel relabel comment note",
    "respond answer chat prompt ask message post repost tweet mention nudge remind apply unapply stream ship fulfill",
    "fulfil return restock uncomment annotate index unindex deindex touch chmod chown mkdir rmdir mv cp rm exec run",
    "schedule unschedule reauthorize transition advance rate like unlike print scan test export build deploy bulkwrite",
    "snapshot turn change new rewrite draft propose request order charge log track review report monitor watch complain appeal train",
    "finetune tune pay clear submit crawl operate control actuate arm disarm ring page paste cut crop",
    "rotate flip sell settle close offer negotiate escort handle work act fix repair heal correct redact mask compress",
    "unzip zip enforce relax whip abandon rescind retire sunset deprecate undelete untrash bounce opt alter sale presign",
)
"""Verbs that change something, at least when they govern a name. Some of them name things too."""

EVERYDAY_VERBS = _set(
    "use perform make set select choose call generate convert map complete connect work enrich contain allow include type",
    "relate add join do manage store apply finish clear act cover ask resolve evaluate remember respond unlike like",
    "produce transform capture execute run invoke eval accept sort",
)
"""Of CHANGES, those that begin descriptions of tools that look, too."""

NAMES_TOO = _set(
    "post comment message order label tag star record request review note log invite vote branch flag charge report new",
    "release build run schedule test deploy export import change trigger lock fork merge block monitor watch draft bill",
    "page text call link alert email mail stage commit bookmark share map index stream transfer process control return",
    "answer prompt chat pin match offer trade book stamp tune rate work act load pull push open use capture track",
    "sign ring power setup split roll clone copy mention follow upgrade mark switch refund scan alert fix",
    "contain exchange transition reply forward note download upload screenshot print dispatch store stake like handle",
    "duplicate set snapshot resume backup restock login logout",
)
"""Of CHANGES, those that are nouns or adjectives as well: ``release_get``, ``open_orders_list``."""

COMPUTES = _set(
    "convert evaluate verify test build export map transform sort answer ask rate crawl report track work like text",
    "route sale shuffle compress mask split clone open print scan trigger control",
)
"""Of CHANGES, those that compute and change nothing when a vendor says so."""

MOSTLY_NAMES = _set(
    "post comment message order label tag star record note request review invite vote branch flag charge report log",
    "draft bill new page link alert email mail bookmark index stream prompt text match offer book stage commit chat",
)
"""Of NAMES_TOO, those that in front of ``list`` or ``search`` are the thing listed: ``comment_search``."""

NOT_BEFORE_LIST = _set(
    "copy share clone mark switch split refund transfer pin follow stamp book lock fix handle contain use",
    "setup roll track pull push exchange return forward reply dispatch open sign print load store import",
)
"""Of NAMES_TOO, those that in front of ``list`` act on a list."""

TELLS = _set(
    "status info information detail metadata stat statistic metric tree diff history version documentation doc summary",
    "health usage count size top insight blame inference embedding generation analytic screen whoami profile overview log uptime",
    "changelog schema readme validation comparison analysis calculation detection estimation",
    "balance result total trend breakdown neighbor neighbour forecast weather elevation reputation eligibility availability",
    "capability transcript excerpt definition staleness quote lag depth backlog coverage calendar roster catalog catalogue",
    "direction child ancestor descendant",
)
"""Nouns that something is told by: a name that ends in one and holds no verb looks."""

STRONG_TELLS = _set(
    "status log metric stat statistic usage history summary detail info result health balance count quota"
)
"""Of TELLS, those that are seldom told to do anything: beside one of them a word that is a noun too is one."""

NOUNS_BESIDE_TELLS = _set(
    "run build refund order release deploy test transfer trade charge call alert monitor request invite vote schedule",
    "review bill draft process backup booking claim return work prompt stage index stream snapshot scan exchange",
)
"""Of NAMES_TOO, those that in front of one of STRONG_TELLS are what it is about: ``refund_status``."""

SELECTING = _set(
    "id ids key keys name names slug number uuid guid ref handle limit offset cursor page pages size count since until from to",
    "start end after before at date day days month year week hour hours minutes period range window interval sort order by",
    "filter filters query q search keyword lang locale language format units unit fields columns include expand depth hops",
    "timezone tz k n min max top skip direction aggregation agg granularity step as of email domain ip address code",
    "first last recent all only mode scope region country city lat lon latitude longitude radius zoom token types kinds",
)
"""Last words of arguments that choose what is looked at."""

THINGS = _set(
    "account activity address agent ai alarm alias analysis app application area article artifact asset attachment",
    "attendee audio author badge base bill board bookmark bot branch browser bucket budget bug cache calendar campaign card cart",
    "catalog category certificate change channel chart chat check checklist client cloud cluster code collaborator",
    "collection column comment commit company component config configuration console contact container content context",
    "contract contributor conversation coupon credit cron currency current customer cycle dag dashboard data database graphql db kubectl docker helm console",
    "datasource date db deal default department deployment design device directory discussion dispute dns document domain",
    "driver email employee endpoint entity entry environment epic error event exception experiment expense feature feed",
    "field file filter finding firewall flow folder form function git graph group health history host image incident index",
    "ingress instance integration invoice issue item iteration job key knowledge label language lead ledger library line",
    "link location log machine mail map me media meeting member memory message metric milestone model module monitor",
    "namespace network node note notebook notification object opportunity order org organization organisation owner",
    "package page payment payout people period permission person phone pipeline plan platform pod policy pool port post",
    "presentation price problem process product profile project property pull queue quota record region registry relation",
    "release replica repo repository request resource response revision role room route row rule run runner sandbox",
    "schedule schema screen script sdk secret security segment server service session setting sheet shift site slide slo",
    "snapshot source space span spec sprint sql stack stage storage store story stream style subscription subscriber",
    "suite survey system tab table tag task team template tenant terminal test text thread ticket time timeline timezone",
    "todo token tool topic trace track transaction trigger type usage user value variable vendor version video view vm",
    "volume wallet webhook wiki window work worker workflow workspace workitem zone my all own recent latest",
    "absence advisory album allergy anomaly answer appointment artist aged available bank benchmark billing block blocker booking",
    "candle candidate caption carrier cell chain citation claim clinic consumer cost course courier crawl credit crew cluster",
    "dependent dependency device dividend dose duplicate earning energy enrollment exam exchange expiry fare fee firmware fleet",
    "flight fund fx gateway geofence grade guest holding hotel iot inbox ingredient inspection interview inventory keyword lab",
    "leave leaderboard lesson limit listing loan lot lyric match material medication merchant mortgage movie nutrition offer offset",
    "outage outlier paper parcel participant partition passenger patient payable payroll pending penalty player playlist portfolio",
    "position prescription producer profit property provider quality question radar rate ranking rating receivable recipe recording",
    "referral reminder reservation resident restaurant review risk roaster room sale sample scene score season seat sensor sequence",
    "severity shipment sleep slot song standing stock store strategy student supplier survey switch symbol symptom task tax teacher",
    "telemetry thing tide timesheet tournament tracking traffic train trial trip user vaccine variant vehicle vital vulnerability",
    "rollout distance dnssec timeoff warehouse weather workout open closed upcoming past overdue unread scheduled active daily weekly monthly annual total",
)
"""Nouns of the things that systems keep. Beside them a last word of TELLS is trusted; beside unknown words it is not."""

JOINS = frozenset({"and", "or", "then"})
"""Between two verbs both count."""

FILLERS = frozenset({"api", "mcp", "rest", "http", "https", "tool", "v1", "v2", "v3", "v4", "the", "a", "an", "bulk"})

ACTION_KEYS = frozenset(
    {"action", "actions", "method", "operation", "operations", "op", "verb", "task", "command", "function", "activity"}
    | {"action_type", "operation_type", "actiontype", "operationtype", "subcommand", "event", "mode", "intent"}
)
"""Names of arguments whose value says which of several things a tool does (folded)."""

PLAIN_ACTION_KEYS = ACTION_KEYS - {"event", "mode", "task", "activity", "intent", "function"}
"""Of these, those that a filter of a search is not called."""

CODE_KEYS = frozenset(
    {"script", "command", "cmd", "shell", "javascript", "js", "python", "bash", "program", "commands", "statement"}
    | {"statements", "codeblock", "shell_command", "shellcommand", "pagefunction", "page_function", "expression_code"}
    | {"source_code", "sourcecode", "macro", "lambda", "plugin_code", "apex", "anonymous_body", "playbook", "cmdline"}
    | {
        "command_line",
        "commandline",
        "cli_command",
        "argv",
        "run_code",
        "sql",
        "sql_query",
        "sqlquery",
        "raw_sql",
        "sql_statement",
    }
    | {
        "sqlstatement",
        "ddl",
        "dml",
        "sql_statements",
        "sql_commands",
        "mutation",
        "cypher",
        "cypher_query",
        "powershell",
    }
)
"""Arguments that are code of some language, whatever the tool is called."""

PIPELINE_KEYS = frozenset({"pipeline", "stages", "aggregation", "aggregations_pipeline"})

QUERY_KEYS = frozenset({"query", "queries", "q", "statement", "raw_query", "rawquery", "query_string", "text"})

QUERY_LANGUAGES = frozenset(
    {"sql", "database", "databases", "db", "cypher", "graphql", "postgres", "postgresql", "mysql", "sqlite", "mssql"}
    | {"mariadb", "warehouse", "tsql", "plsql", "gql", "oracle", "redshift", "clickhouse", "duckdb", "bigquery"}
)
"""With one of these words a query may be in a language that writes."""

ADDRESS_KEYS = frozenset({"path", "endpoint", "url", "uri", "route", "resource_path", "api_path", "request_url"})

RECIPIENT_KEYS = frozenset({"to", "recipient", "recipients", "cc", "bcc", "to_email", "to_emails", "to_address"})

BODY_KEYS = frozenset({"body", "message", "subject", "text", "content", "html", "html_body", "message_body"})

CONFIRM_KEYS = frozenset(
    {"confirm", "confirmed", "confirmation", "force", "dry_run", "dryrun", "validate_only", "validateonly", "what_if"}
    | {
        "whatif",
        "preview_run",
        "previewrun",
        "human_confirmation",
        "confirm_delete",
        "are_you_sure",
        "yes",
        "no_dry_run",
    }
    | {"confirm_cost_id", "skip_confirmation", "auto_approve", "autoapprove", "dry"}
)
"""Arguments that only a tool which changes something has."""

SAVE_KEYS = frozenset(
    {"local_path", "localpath", "save_path", "savepath", "output_path", "outputpath", "output_dir", "outputdir"}
    | {"output_file", "outputfile", "download_path", "downloadpath", "save_to", "saveto", "save_as", "destination_path"}
    | {
        "output_directory",
        "save_dir",
        "download_dir",
        "out_file",
        "outfile",
        "target_path",
        "save_to_file",
        "savetofile",
    }
    | {"workspace_dir", "write_to_file", "save_file", "downloads_dir", "download_directory", "output_filename"}
)
"""Where on this machine something is written."""

TAKES_KEYS = frozenset({"visibility_timeout", "visibilitytimeout", "auto_ack", "autoack", "ack", "mark_as_read"})
"""NameReading that takes away what is read, or marks it."""

ROOT_KEYS = frozenset({"repo_path", "repopath", "repo_dir", "working_dir", "workdir", "cwd", "working_directory"})
"""A working copy on this machine."""

SHARED_KEYS = frozenset(
    {"repo", "repository", "branch", "commit_message", "project", "project_id", "projectid", "project_key", "space"}
    | {
        "space_id",
        "spaceid",
        "team",
        "team_id",
        "teamid",
        "issue",
        "issue_id",
        "workspace_id",
        "database_id",
        "site_id",
    }
    | {"collection", "overwrite", "upsert", "wiki", "wiki_id", "channel", "channel_id", "organization", "board_id"}
)
"""Where others keep their things: what is created there is seen."""

MONEY_KEYS = frozenset(
    {"amount", "currency", "unit_amount", "price", "total_amount", "payment_intent", "payment_method", "charge"}
    | {
        "amount_cents",
        "percent_off",
        "amount_off",
        "price_id",
        "invoice",
        "invoice_id",
        "card_number",
        "iban",
        "cost",
        "confirm_cost_id",
    }
)
ADMIN_KEYS = frozenset(
    {"role", "roles", "role_id", "permission", "permissions", "access_level", "accesslevel", "share_with", "scopes"}
    | {"grant", "grants", "grantee", "acl", "policy", "policies", "link_sharing", "share_type", "new_owner", "password"}
    | {"new_owner_email", "permission_id", "secret", "secret_value", "secret_name", "secretname", "secretvalue"}
    | {
        "invitee",
        "member_email",
        "visibility_level",
        "access_control",
        "allow_public",
        "public_access",
        "policy_document",
    }
)

ADMIN_THINGS = _set(
    "permission role access acl policy member membership collaborator token key secret credential password webhook",
    "subscription domain dns certificate cert firewall waf organization organisation org sso scim mfa 2fa account env",
    "variable config configuration setting attribute sharing visibility grant group iam privilege guardrail",
    "authorization oauth allowlist denylist blocklist whitelist blacklist integration connector quota security",
    "repository tenant license licence seat admin administrator owner ownership entitlement identity principal",
    "compliance retention usergroup dsn team auth filter forwarding delegate migration audit encryption vault var envvar ruleset protection invitation invite user share",
)
"""Things that say who may do what, or how a system is set up."""

ADMIN_VERBS = _set(
    "grant revoke share unshare impersonate authorize enroll unenroll ban unban kick onboard offboard provision",
    "deprovision subscribe unsubscribe approve rotate protect unprotect whitelist blacklist expose invite opt",
)

MONEY_THINGS = _set(
    "invoice payment refund price coupon charge subscription payout balance billing dispute purchase discount credit",
    "money cost budget tax wallet fund reimbursement expense payroll order tier salary fee quote",
)
MONEY_VERBS = _set("refund pay charge bill withdraw deposit purchase buy sell reimburse redeem settle trade stake mint")

FINAL_VERBS = _set(
    "delete remove purge destroy drop wipe erase truncate flush empty prune send publish email mail notify broadcast",
    "announce refund pay charge finalize finalise execute eval evaluate run invoke exec trigger launch overwrite forget",
    "put dispatch reply forward call text dial submit expire terminate cancel void capture withdraw purchase buy sell",
    "rotate reset dequeue pop consume ack acknowledge emit produce unprovision deprovision kill clear rm rmdir mint",
    "burn stake trade answer respond message post tweet sms write fire regenerate merge squash clean produce enqueue",
    "detonate print ship fulfill rebase force redrive resend replay tap click press manage opt apply uninstall rerun",
)
"""Verbs whose effect may have no way back."""

FINAL_THINGS = _set("migration secret credential")
"""What was there before is gone or known by then."""

FORMER_STATE = _set(
    "route cron alarm binding permission label reaction member assignee role branch dependency relation issue domain tag follower"
)
"""Things that are put back by creating them again."""
