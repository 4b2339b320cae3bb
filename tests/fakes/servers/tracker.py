"""A small server with searches of three kinds, SQL, and an event tool: stdio, the standard library alone.

Its notes belong to projects; a search finds everything unless its query says ``project:NAME`` (several: any of them).
"""

import json
import sys

NOTES = [
    {"id": "1", "project": "web", "title": "web plan"},
    {"id": "2", "project": "books", "title": "books plan"},
    {"id": "3", "project": "web", "title": "web notes"},
    {"id": "4", "project": "payroll", "title": "payroll plan"},
]


def schema(required=(), **properties):
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


TEXT = {"type": "string"}
TOOLS = {
    "search_notes": schema(["query"], query=TEXT),
    "list_notes": schema(limit={"type": "integer"}),
    "read_report": schema(),
    "run_sql": schema(["sql"], sql=TEXT),
    "write_note": schema(["project", "title"], project=TEXT, title=TEXT, draft={"type": "boolean"}),
    "drop_note": schema(["note"], note=TEXT),
    "get_note": schema(["note"], note=TEXT),
    "me": schema(),
}


def search_notes(query):
    words = query.split()
    projects = [word[8:] for word in words if word.startswith("project:")]
    plain = [word for word in words if not word.startswith("project:")]
    found = [
        note
        for note in NOTES
        if (not projects or note["project"] in projects) and all(word in note["title"] for word in plain)
    ]
    return json.dumps({"query": query, "notes": found})


def list_notes(limit=100):
    return json.dumps({"total": len(NOTES), "notes": NOTES[:limit]})


def read_report():
    return "Everything about payroll, in prose."


def run_sql(sql):
    return json.dumps({"ran": sql})


def write_note(project, title, draft=False):
    NOTES.append({"id": str(len(NOTES) + 1), "project": project, "title": title})
    return json.dumps({"id": str(len(NOTES)), "url": f"https://notes.example.com/{project}/{len(NOTES)}"})


def drop_note(note):
    return json.dumps({"dropped": note})


def get_note(note):
    return json.dumps(next((one for one in NOTES if one["id"] == note), {}))


def me():
    return json.dumps({"account": {"name": "robot"}})


def main():
    for line in sys.stdin:
        message = json.loads(line)
        method, number, params = message.get("method"), message.get("id"), message.get("params") or {}
        if method == "initialize":
            result = {
                "protocolVersion": "2025-11-25",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "tracker", "version": "1"},
            }
        elif method == "tools/list":
            result = {"tools": [{"name": name, "inputSchema": shape} for name, shape in TOOLS.items()]}
        elif method == "tools/call":
            text = globals()[params["name"]](**params.get("arguments", {}))
            result = {"content": [{"type": "text", "text": text}], "isError": False}
        elif number is None:
            continue
        else:
            result = {}
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": number, "result": result}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
