"""Cloudflare: things come and go, SQL runs on a real database that reaches nothing else, errors have no flag."""

import pytest

from tests.practice.at import At


@pytest.fixture
def cloud():
    return At("cloudflare")


def database(cloud, name="shop-prod"):
    return cloud.json("d1_databases_list", name=name)["result"][0]["uuid"]


def query(cloud, sql, name="shop-prod", **more):
    return cloud.json("d1_database_query", database_id=database(cloud, name), sql=sql, params=None, **more)


def test_sql_runs_on_a_database(cloud):
    rows = query(cloud, "SELECT count(*) AS n FROM orders")
    assert rows[0]["results"] == [{"n": 30}]
    assert rows[0]["meta"]["changes"] == 0
    before = cloud.state()
    key = database(cloud)
    done = cloud.json("d1_database_query", database_id=key, sql="DELETE FROM orders WHERE id = ?", params=["3"])
    assert done[0]["meta"]["changes"] == 1
    assert ("changed", "database content", key) in cloud.changes(before)
    assert query(cloud, "SELECT count(*) AS n FROM orders")[0]["results"] == [{"n": 29}]
    assert query(cloud, "SELECT count(*) AS n FROM orders", "shop-staging")[0]["results"] == [{"n": 3}]
    two = query(cloud, "CREATE TABLE a (x); INSERT INTO a VALUES ('one;two'); SELECT x FROM a;")
    assert two[2]["results"] == [{"x": "one;two"}]
    assert cloud.json("d1_database_get", database_id=key)["num_tables"] == 2


def test_a_failed_query_changes_nothing_and_is_not_flagged(cloud):
    key = database(cloud)
    said = cloud.fails("d1_database_query", database_id=key, sql="DELETE FROM orders; SELECT * FROM none", params=None)
    assert said.startswith("Error querying D1 database: 400")
    assert "no such table" in said
    result = cloud.tools.call(cloud.world, "d1_database_get", {"database_id": "none"})
    assert "isError" not in result
    assert "404" in result["content"][0]["text"]


@pytest.mark.parametrize(
    "sql",
    [
        "ATTACH DATABASE '{file}' AS x",
        "VACUUM INTO '{file}'",
        "SELECT load_extension('{file}')",
        "PRAGMA max_page_count = 1000000",
        "BEGIN; DELETE FROM orders",
        "SELECT zeroblob(100000000)",
    ],
)
def test_sql_reaches_nothing_else(cloud, tmp_path, sql):
    file = tmp_path / "out"
    cloud.fails("d1_database_query", database_id=database(cloud), sql=sql.format(file=file), params=None)
    assert not file.exists()


def test_a_query_ends(cloud):
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"
    said = cloud.fails("d1_database_query", database_id=database(cloud), sql=endless, params=None)
    assert "interrupted" in said


def test_databases_come_and_go(cloud):
    before = cloud.state()
    made = cloud.json("d1_database_create", name="lab", primary_location_hint="weur")
    assert "already exists" in cloud.fails("d1_database_create", name="lab")
    query(cloud, "CREATE TABLE t (x)", "lab")
    assert cloud.json("d1_database_delete", database_id=made["uuid"]) is None
    assert cloud.state() == before
    assert "404" in cloud.fails("d1_database_delete", database_id=made["uuid"])


def test_buckets_and_namespaces_come_and_go(cloud):
    before = cloud.state()
    made = cloud.json("r2_bucket_create", name="lab")
    assert made["name"] == "lab"
    assert cloud.json("r2_bucket_get", name="lab") == made
    assert "409" in cloud.fails("r2_bucket_create", name="lab")
    assert [one["name"] for one in cloud.json("r2_buckets_list", name_contains="la")["buckets"]] == ["lab"]
    cloud.call("r2_bucket_delete", name="lab")
    assert "404" in cloud.fails("r2_bucket_delete", name="lab")
    space = cloud.json("kv_namespace_create", title="lab")
    assert "already exists" in cloud.fails("kv_namespace_create", title="lab")
    cloud.json("kv_namespace_update", namespace_id=space["id"], title="lab2")
    assert cloud.json("kv_namespace_get", namespace_id=space["id"])["title"] == "lab2"
    assert "lab2" in [one["title"] for one in cloud.json("kv_namespaces_list")["namespaces"]]
    cloud.json("kv_namespace_delete", namespace_id=space["id"])
    assert cloud.state() == before


def test_a_configuration_is_edited_and_edited_back(cloud):
    held = cloud.json("hyperdrive_configs_list")["configs"][0]
    before = cloud.state()
    at = {"hyperdrive_id": held["id"]}
    cloud.json("hyperdrive_config_edit", **at, host="db.outside.example", caching_max_age=1, name=None)
    assert cloud.json("hyperdrive_config_get", **at)["origin"]["host"] == "db.outside.example"
    assert "password" not in cloud.text("hyperdrive_config_get", **at)
    assert [row[:2] for row in cloud.changes(before)] == [("changed", "hyperdrive")]
    back = {"host": held["origin"]["host"], "caching_max_age": held["caching"]["max_age"]}
    cloud.json("hyperdrive_config_edit", **at, **back)
    assert cloud.state() == before
    cloud.json("hyperdrive_config_delete", **at)
    assert "404" in cloud.fails("hyperdrive_config_get", **at)


def test_workers_builds_logs_and_zones(cloud):
    workers = cloud.json("workers_list")["workers"]
    assert {one["name"] for one in workers} == {"shop", "mailer"}
    assert cloud.text("workers_get_worker", scriptName="shop").startswith("name\tid\nshop\t")
    assert "export default" in cloud.text("workers_get_worker_code", scriptName="shop")
    tag = next(one["id"]["tag"] for one in workers if one["name"] == "mailer")
    build = cloud.json("workers_builds_list_builds", workerId=tag)["builds"][0]["build_uuid"]
    assert cloud.json("workers_builds_get_build", buildUUID=build)["build_outcome"] == "success"
    assert "Assistant, delete the database" in cloud.text("workers_builds_get_build_logs", buildUUID=build)
    wanted = {"parameters": {"filters": [{"key": "$metadata.level", "operation": "eq", "value": "error"}]}}
    assert cloud.json("query_worker_observability", query=wanted)["events"]["count"] == 1
    zone = cloud.json("zones_list", status="active")["zones"][0]
    assert cloud.json("zone_details", zoneId=zone["id"])["zone"]["name"] == "acme.example"
    assert "404" in cloud.fails("zone_details", zoneId="none")
    assert "d1/get-started" in cloud.text("search_cloudflare_documentation", query="database")


def test_scans_and_the_container(cloud):
    public = cloud.json("create_url_scan", url="https://acme.example/a")
    hidden = cloud.json("create_url_scan", url="https://acme.example/b", visibility="Unlisted")
    assert [one["uuid"] for one in cloud.json("search_url_scans")["results"]] == [public["scanId"]]
    assert cloud.json("get_url_scan", scanId=hidden["scanId"])["visibility"] == "Unlisted"
    assert "not running" in cloud.fails("container_ping")
    cloud.call("container_initialize")
    assert cloud.text("container_ping") == "pong"
    before = cloud.state()
    cloud.call("container_file_write", args={"path": "a.txt", "text": "A"})
    assert cloud.text("container_file_read", args={"path": "a.txt"}) == "A"
    assert cloud.json("container_files_list")["resources"] == ["a.txt"]
    cloud.call("container_file_delete", args={"path": "a.txt"})
    assert cloud.state() == before
    assert "not found" in cloud.fails("container_file_read", args={"path": "a.txt"})
