"""What is known of a local server's program without running it."""

import os
import sys

import pytest

from callgate.adapters.upstream.program import program_of

PATH = "/usr/bin:/bin"


def parts(*command, cwd="/"):
    return {part.name: part.text for part in program_of(command, PATH, str(cwd))}


def executable(path, text="#!/bin/sh\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def distribution(prefix, version, *, script="mail-server", module="mail_server"):
    site = prefix / "lib" / "python3.11" / "site-packages"
    info = site / f"{module}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "entry_points.txt").write_text(f"[console_scripts]\n{script} = {module}:main\n")
    (info / "RECORD").write_text(f"{module}/__init__.py,sha256={version},1\n")
    return info


def test_a_program_is_known_by_its_file(tmp_path):
    program = executable(tmp_path / "bin" / "server")
    before = parts(str(program), "--port", "1")
    assert list(before) == [f"file {program}"]
    executable(program, "#!/bin/sh\necho other\n")
    assert parts(str(program)) != before
    os.chmod(program, 0o311)
    if os.geteuid():
        assert parts(str(program)) == {f"file {program}": "cannot be read"}


def test_a_program_that_a_package_installed_is_known_by_its_version_too(tmp_path):
    program = executable(tmp_path / "bin" / "mail-server")
    info = distribution(tmp_path, "1.0")
    before = parts(str(program))
    assert before["package mail_server"].startswith("1.0, files sha256:")
    info.rename(tmp_path / "elsewhere")
    distribution(tmp_path, "1.1")
    after = parts(str(program))
    assert after["package mail_server"].startswith("1.1, ")
    assert after[f"file {program}"] == before[f"file {program}"]


def test_a_module_is_known_by_its_package_and_the_interpreter_is_no_part(tmp_path):
    python = executable(tmp_path / "bin" / "python3")
    distribution(tmp_path, "2.0")
    found = parts(str(python), "-I", "-m", "mail_server.cli", "--x")
    assert list(found) == ["package mail_server"]
    assert parts(str(python), "-m", "nobody") == {}
    assert parts(str(python), "-m", "../mail_server") == {}
    assert parts(str(python), "-c", "print()") == {}


def test_a_script_is_known_by_its_file_and_the_package_above(tmp_path):
    script = executable(tmp_path / "node_modules" / "mail" / "dist" / "index.js", "//")
    (tmp_path / "node_modules" / "mail" / "package.json").write_text('{"name": "mail", "version": "3.1.4"}')
    link = tmp_path / "node_modules" / ".bin" / "mail"
    link.parent.mkdir()
    link.symlink_to(script)
    (tmp_path / "package.json").write_text('{"name": "somebody-elses", "version": "0"}')
    found = parts(str(link))
    assert found["package mail"] == "3.1.4"
    assert found[f"file {link}"].startswith("sha256:")
    node = executable(tmp_path / "bin" / "node")
    assert parts(str(node), "--inspect", "mail/dist/index.js", cwd=tmp_path / "node_modules")["package mail"] == "3.1.4"
    for broken in ("{", "[]", '{"name": 1}', "[" * 100_000):
        (tmp_path / "node_modules" / "mail" / "package.json").write_text(broken)
        assert [name for name in parts(str(link)) if name.startswith("package")] == []


@pytest.mark.parametrize("name", ["npx", "uvx", "docker"])
def test_of_what_a_launcher_fetches_nothing_is_known(tmp_path, name):
    assert parts(str(executable(tmp_path / name)), "-y", "mail@1.0") == {}


@pytest.mark.parametrize("command", [(), ("nobody-has-this",), ("~nobody-has-this/x",), ("a\0b",), ("python3", "a\0b")])
def test_whatever_the_command_nothing_breaks(command):
    assert parts(*command) == {}


def test_the_interpreter_of_this_test(tmp_path):
    script = tmp_path / "server.py"
    script.write_text("print()\n")
    assert list(parts(sys.executable, "server.py", cwd=tmp_path)) == [f"file {script}"]
