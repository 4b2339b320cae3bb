"""Workflows of GitHub Actions and their runs."""

from callgate_practice.github.repos import repository
from callgate_practice.github.state import API, name_of
from callgate_practice.github.tools import DELETE, READ, TOOLS, invalid, not_found, paged
from callgate_practice.reply import JSON, ToolFailure, json_text
from callgate_practice.world import World


def _of(world: World, given: JSON, kind: str, key: object) -> JSON:
    repo = name_of(given)
    for one in world.every(kind, repo=repo):
        if str(key) in (str(one["id"]), one.get("path", "").rpartition("/")[2]):
            return one
    raise not_found(f"get {kind}", "GET", f"/repos/{repo}/actions/{kind}s/{key}")


def _run(body: JSON) -> JSON:
    shown = {name: value for name, value in body.items() if name != "log"}
    return {**shown, "url": f"{API}/repos/{body['repo']}/actions/runs/{body['id']}"}


@TOOLS.tool(
    "actions_list",
    "Workflows, runs, jobs or artifacts.",
    "method*=list_workflows|list_workflow_runs|list_workflow_jobs|list_workflow_run_artifacts owner* repo* resource_id"
    " workflow_runs_filter:object workflow_jobs_filter:object page:number per_page:number",
    READ,
)
def actions_list(world: World, given: JSON) -> JSON:
    repository(world, given, "list workflows")
    method, repo = given["method"], name_of(given)
    if method == "list_workflows":
        rows = world.every("workflow", repo=repo)
        return json_text({"total_count": len(rows), "workflows": paged(rows, given, "per_page")})
    if method == "list_workflow_run_artifacts":
        return json_text({"total_count": 0, "artifacts": []})
    if method == "list_workflow_jobs":
        run = _of(world, given, "run", given.get("resource_id"))
        return json_text({"total_count": 1, "jobs": [_job(run)]})
    wanted = given.get("workflow_runs_filter", {})
    rows = [one for one in world.every("run", repo=repo) if _fits(one, wanted)]
    if given.get("resource_id"):
        flow = _of(world, given, "workflow", given["resource_id"])
        rows = [one for one in rows if one["workflow_id"] == flow["id"]]
    return json_text({"total_count": len(rows), "workflow_runs": [_run(one) for one in paged(rows, given, "per_page")]})


def _fits(run: JSON, wanted: JSON) -> bool:
    names = {"branch": "head_branch", "event": "event"}
    return all(run[names[key]] == value for key, value in wanted.items() if key in names) and wanted.get("status") in (
        None,
        run["status"],
        run["conclusion"],
    )


def _job(run: JSON) -> JSON:
    return {"id": run["id"] * 10, "run_id": run["id"], "name": "test", "conclusion": run["conclusion"]}


@TOOLS.tool(
    "actions_get",
    "One workflow, run or job.",
    "method*=get_workflow|get_workflow_run|get_workflow_job|download_workflow_run_artifact|get_workflow_run_usage"
    "|get_workflow_run_logs_url owner* repo* resource_id*",
    READ,
)
def actions_get(world: World, given: JSON) -> JSON:
    method, key = given["method"], given["resource_id"]
    if method == "get_workflow":
        return json_text(_of(world, given, "workflow", key))
    if method == "get_workflow_job":
        return json_text(_job(_of(world, given, "run", str(key)[:-1])))
    run = _of(world, given, "run", key)
    if method == "get_workflow_run":
        return json_text(_run(run))
    return json_text({"run_id": run["id"], "logs_url": f"{_run(run)['url']}/logs"})


@TOOLS.tool(
    "actions_run_trigger",
    "Run a workflow, run it again, cancel a run, or delete its logs.",
    "method*=run_workflow|rerun_workflow_run|rerun_failed_jobs|cancel_workflow_run|delete_workflow_run_logs"
    " owner* repo* workflow_id ref inputs:object run_id:number",
    DELETE,
)
def actions_run_trigger(world: World, given: JSON) -> JSON:
    if given["method"] == "run_workflow":
        return _start(world, given)
    if "run_id" not in given:
        raise ToolFailure("missing required parameter: run_id")
    run, said = _of(world, given, "run", int(given["run_id"])), given["method"]
    if said.startswith("rerun"):
        run |= {"status": "queued", "conclusion": None, "run_attempt": run["run_attempt"] + 1}
    elif said == "cancel_workflow_run":
        if run["status"] == "completed":
            raise invalid(
                "cancel workflow run", "POST", f"/repos/{run['repo']}/actions/runs/{run['id']}", "completed", "409"
            )
        run |= {"status": "completed", "conclusion": "cancelled"}
    else:
        run["log"] = ""
    world.put("run", run["id"], run)
    return json_text({"message": f"{said} accepted", "run_id": run["id"], "status": "202 Accepted"})


def _start(world: World, given: JSON) -> JSON:
    """The answer does not say which run it became, as the API's 204."""
    if not given.get("workflow_id") or not given.get("ref"):
        raise ToolFailure("missing required parameter: workflow_id and ref")
    flow = _of(world, given, "workflow", given["workflow_id"])
    key = 700 + world.count("run")
    run = {
        "id": key,
        "repo": flow["repo"],
        "workflow_id": flow["id"],
        "name": flow["name"],
        "head_branch": given["ref"],
    }
    fresh = {"event": "workflow_dispatch", "status": "queued", "conclusion": None, "run_attempt": 1, "log": ""}
    world.put("run", key, {**run, **fresh, "inputs": given.get("inputs", {}), "created_at": world.now()})
    done = {"message": "Workflow run has been queued", "status": "204 No Content", "status_code": 204}
    return json_text({**done, "workflow_id": given["workflow_id"], "ref": given["ref"], "inputs": given.get("inputs")})


@TOOLS.tool(
    "get_job_logs",
    "Logs of a job, or of the failed ones of a run.",
    "owner* repo* job_id:number run_id:number failed_only:boolean return_content:boolean tail_lines:number",
    "r+",
)
def get_job_logs(world: World, given: JSON) -> JSON:
    key = int(given["run_id"]) if "run_id" in given else int(given.get("job_id", 0)) // 10
    run = _of(world, given, "run", key)
    lines = run["log"].splitlines()[-int(given.get("tail_lines", 500)) :]
    content = {"logs_content": "\n".join(lines)} if given.get("return_content") else {"logs_url": _run(run)["url"]}
    return json_text({"job_id": run["id"] * 10, **content})
