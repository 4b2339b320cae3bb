"""What a resource URI aims at: one resource, one id, and nothing that two servers could read in two ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.uris import MAX_URI, resource_target, template_target


@pytest.mark.parametrize(
    ("uri", "kind", "ids"),
    [
        ("file:///srv/app/a.txt", "fs.path", ["/srv/app/a.txt"]),
        ("FILE:///srv/./app//a.txt", "fs.path", ["/srv/app/a.txt"]),
        ("file://localhost/srv/a", "fs.path", ["/srv/a"]),
        ("file:/srv/a", "fs.path", ["/srv/a"]),
        ("file:///srv/a%20b/%C3%BC", "fs.path", ["/srv/a b/ü"]),
        ("file:///", "fs.path", ["/"]),
        ("wiki://Home/Page", "mcp.resource", ["x/wiki://home/Page"]),
        ("WIKI://home/Page", "mcp.resource", ["x/wiki://home/Page"]),
        ("memo:note-1", "mcp.resource", ["x/memo:note-1"]),
        ("wiki://home/%7Eana", "mcp.resource", ["x/wiki://home/~ana"]),
        ("wiki://home/a%2fb", "mcp.resource", ["x/wiki://home/a%2Fb", "x/wiki://home/a/b"]),
        ("db://t?q=%41", "mcp.resource", ["x/db://t?q=A"]),
        ("https://%45vil.example/%41", "mcp.resource", ["x/https://evil.example/A"]),
        ("https://A%2fB/c", "mcp.resource", ["x/https://a%2Fb/c", "x/https://a/b/c"]),
        ("db://T?q=A/B", "mcp.resource", ["x/db://t?q=A/B"]),
        ("db://T#A", "mcp.resource", ["x/db://t#A"]),
        ("db://t?path=../x", "mcp.resource", ["x/db://t?path=../x"]),
    ],
)
def test_one_resource_has_one_id(uri, kind, ids):
    assert resource_target("x", uri) == (kind, tuple(ids))


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "no scheme",
        "/srv/a",
        "1x://a",
        "file:///srv/../etc/passwd",
        "file:///srv/%2e%2e/etc/passwd",
        "file:///srv/%2E./etc",
        "file:///srv%2fapp",
        "file:///srv/%252e%252e/x",
        "file://other.example/srv/a",
        "file:srv/a",
        "file:///srv/a?x",
        "file:///srv/a#x",
        "file:///srv\\a",
        "file:///srv/%5Ca",
        "file:///srv/%00a",
        "file:///srv/a%0A",
        "file:///srv/%ff",
        "file:///srv/%zz",
        "file:///srv/a b",
        "wiki://home/../secret",
        "wiki://home/%2e%2e/secret",
        "wiki://home/a%2f%2e%2e%2fsecret",
        "wiki://home/%252e",
        "wiki://home/a\tb",
        "wiki://home/a\u202eb",
        "wiki://home/%E2%80%AE",
        "wiki://home/" + "a" * MAX_URI,
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(uri):
    assert resource_target("x", uri) is None


@pytest.mark.parametrize(
    ("template", "wanted"),
    [
        ("wiki://{page}", ("mcp.resource", ("x/wiki://{page}",))),
        ("file:///{path}", ("fs.path", ("/",))),
        ("file:///srv/app/{name}.txt", ("fs.path", ("/srv/app",))),
        ("file:///srv/app{name}", ("fs.path", ("/srv",))),
        ("FILE:{path}", ("fs.path", ("/",))),
        ("file:///srv/../{name}", None),
        ("wiki://home", ("mcp.resource", ("x/wiki://home",))),
        ("wiki://{ page}", None),
    ],
)
def test_a_template_aims_at_what_it_could_give(template, wanted):
    assert template_target("x", template) == wanted


@given(st.text(max_size=60).map(lambda text: "file:///srv/app/" + text))
def test_no_file_uri_names_anything_but_a_plain_absolute_path(uri):
    found = resource_target("x", uri)
    if found is not None:
        kind, (path,) = found
        assert kind == "fs.path"
        assert path.startswith("/")
        assert not {"", ".", ".."} & set(path.split("/")[1:]) or path == "/"


@given(st.text(alphabet="ab/.%2eEfF5cC\\:?#{} ", max_size=40))
def test_escapes_never_hide_a_step_up(text):
    found = resource_target("x", f"wiki://home/{text}")
    for one in found[1] if found is not None else ():
        path = one.split("?")[0].split("#")[0]
        assert ".." not in path.split("/")
        assert one.startswith("x/wiki://home")


def test_letters_and_accents_apart_or_in_one_are_one_id():
    for uri in ("file:///srv/Geha\u0308lter", "file:///srv/Geha%CC%88lter", "file:///srv/Geh%C3%A4lter"):
        assert resource_target("x", uri) == ("fs.path", ("/srv/Geh\u00e4lter",))
    for uri in ("notes://a/Geha%CC%88lter", "notes://a/Geha\u0308lter"):
        found = resource_target("x", uri)
        assert found is not None
        assert any(one.endswith("Geh\u00e4lter") for one in found[1])
        assert not any("\u0308" in one for one in found[1])
    assert template_target("x", "notes://a/Geha\u0308lter/{id}") == (
        "mcp.resource",
        ("x/notes://a/Geh\u00e4lter/{id}",),
    )
