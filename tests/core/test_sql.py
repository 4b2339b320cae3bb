"""SQL that only reads, and everything else."""

import subprocess
import sys
import time

import pytest

from callgate.core.sql import MAX_SQL, only_reads


@pytest.mark.parametrize(
    "text",
    [
        "select 1",
        "SELECT a, count(*) FROM t WHERE b = 'x' GROUP BY a HAVING count(*) > 1 ORDER BY 2 DESC LIMIT 5 OFFSET 2",
        "select * from a join b using (id) left join c on a.x = c.x",
        "with recent as (select * from t) select * from recent union all select * from old",
        "select 1; select 2;",
        "select coalesce(a, lower(b)) || 'x', cast(c as text) from t where d in (select e from f) and g is not null",
        "select case when a > 1 then 'x' else 'y' end, row_number() over (partition by a order by b) from t",
        "values (1, 2)",
        "select * from t where note = 'drop table t'",
    ],
)
@pytest.mark.parametrize("dialect", ["sqlite", "postgres"])
def test_pure_queries(text, dialect):
    assert only_reads(text, dialect)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ; ",
        "delete from t",
        "insert into t values (1)",
        "update t set a = 1",
        "drop table t",
        "create table t (a int)",
        "alter table t add b int",
        "truncate t",
        "pragma writable_schema = 1",
        "attach 'x' as y",
        "vacuum",
        "begin; select 1; commit",
        "explain analyze delete from t",
        "explain select 1",
        "call do_it()",
        "do 'begin end'",
        "grant all on t to ana",
        "copy t to '/tmp/x'",
        "set role admin",
        "select 1; drop table t",
        "select * into u from t",
        "create table u as select * from t",
        "select * from t for update",
        "with gone as (delete from t returning *) select * from gone",
        "select nextval('s')",
        "select pg_sleep(10)",
        "select pg_read_file('/etc/passwd')",
        "select lo_import('/etc/passwd')",
        "select dblink_exec('x', 'drop table t')",
        "select set_config('role', 'admin', false)",
        "select load_extension('x')",
        "select writefile('x', 'y')",
        "select secret.purge(1)",
        "select * from read_csv('x')",
        "select 1 /*! into outfile '/tmp/x' */",
        "select 1 -- \n; drop table t",
        "select 'a\\'; drop table t; select '",
        "select $$x$$",
        "select 1 # x",
        "selec 1",
        "select (",
        "select 'x",
        "\x00select 1",
        "merge into t using s on t.a = s.a when matched then delete",
    ],
)
@pytest.mark.parametrize("dialect", ["sqlite", "postgres", "mysql"])
def test_everything_else(text, dialect):
    assert not only_reads(text, dialect)


def test_large_and_deep_texts_are_no_reads_and_take_little_time():
    began = time.process_time()
    assert not only_reads("select " + "1 + " * MAX_SQL + "1", "postgres")
    assert not only_reads("select " + "(" * 60 + "1" + ")" * 60, "postgres")
    assert not only_reads("select " + "a, " * 2000 + "b", "postgres")
    assert not only_reads("select " + "not " * 1900 + "a", "postgres")
    only_reads("select " + ",".join(["(a,b) in ((1))"] * 80), "postgres")
    only_reads("select " + "case when a then " * 39 + "1" + " end" * 39, "postgres")
    assert time.process_time() - began < 5


def test_what_cannot_be_parsed_is_not_logged(caplog):
    assert not only_reads("show planted secret", "sqlite")
    assert caplog.text == ""


def test_the_parser_loads_with_the_first_manifest_that_needs_it():
    look = "import sys; import callgate.app.build, callgate.catalog.loader as loader; "
    look += "[loader.load_manifest(name) for name in loader.known_manifests()]; print('sqlglot' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
