"""TOML of any shape is read in time in proportion to its size, or refused."""

import time

import pytest

from callgate.core.strict import has_long_key, read_toml
from callgate.model.errors import ConfigError


@pytest.mark.parametrize("part", ["a", '"a"', "'a'", '"\\""', "a ", ' "a.b" \t'])
@pytest.mark.parametrize("around", ["{} = 1", "[{}]", "[[{}]]", "x = {{ {} = 1 }}", "x = [\n{{ {} = 1 }}]"])
def test_a_key_of_very_many_parts_is_refused_at_once(part: str, around: str) -> None:
    began = time.process_time()
    with pytest.raises(ConfigError):
        read_toml(around.format(".".join([part] * 50_000)).encode(), "x.toml")
    assert time.process_time() - began < 1


def test_what_is_no_key_may_have_dots() -> None:
    dots = "See a.b.c for more. " * 200
    assert not has_long_key(" = 1\n".join(["a.b.c"] * 100))
    assert (
        read_toml(f'x.y.z = "{dots}"\n# {"." * 500}\nl = ["1.2.3.4", "5.6.7.8"]'.encode(), "x")["x"]["y"]["z"] == dots
    )


def test_looking_for_long_keys_takes_no_time() -> None:
    began = time.process_time()
    for text in (
        '"' * 1_000_000,
        "a" * 1_000_000,
        "a." * 30 + "a" * 1_000_000,
        '"a' * 500_000,
        "a " * 500_000,
        "'" * 999_999,
    ):
        has_long_key(text)
    assert time.process_time() - began < 3
