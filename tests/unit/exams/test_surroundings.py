"""What a program is made of: everything it may import, and no secret."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from django.conf import settings

from governance.exams import surroundings

ROOT = Path(settings.BASE_DIR)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of somebody else: agents, shared code, settings, data, all beside one another."""
    files = {
        "shop_agents/__init__.py": "",
        "shop_agents/prompts/greeting.txt": "Hello",
        "shop_agents/var/live.sqlite3": "data",
        "shared.py": "",
        "shop/__init__.py": "",
        "shop/settings.py": "SECRET = 'x'",
        "shop/urls.py": "",
        "shop/helpers.py": "",
        "var/secret_key": "x",
        "notes/secret.txt": "x",
        ".env": "SECRET_KEY=x",
        "not-a-name.py": "",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "shop", raising=False)
    return tmp_path


def made_of(module, project, *private):
    return surroundings.of_program(
        module,
        project=["shop.settings", "shop.urls"],
        private=[project / name for name in ("var", ".env", *private)],
    )


def readable(found, path: Path) -> bool:
    real = path.resolve()
    return any(real.is_relative_to(each) for each in found.readable)


def test_what_can_be_imported_is_there_and_settings_and_data_are_not(project):
    found = made_of("shop_agents.sales", project, "shop_agents/var")
    assert found.packages["shop_agents"] == str(project.resolve() / "shop_agents")
    assert found.packages["shared"] == str(project.resolve() / "shared.py")
    assert "shop" not in found.packages
    assert "not-a-name" not in found.packages
    assert {"shop", "shop.settings", "shop.urls"} <= set(found.hidden)
    seen = {
        name: readable(found, project / name)
        for name in (
            "shop_agents/__init__.py",
            "shop_agents/prompts/greeting.txt",
            "shared.py",
            "shop_agents/var/live.sqlite3",
            "shop/settings.py",
            "shop/helpers.py",
            "var/secret_key",
            "notes/secret.txt",
            ".env",
        )
    }
    assert [name for name, is_readable in seen.items() if is_readable] == [
        "shop_agents/__init__.py",
        "shop_agents/prompts/greeting.txt",
        "shared.py",
    ]
    assert str(project.resolve() / "shop_agents") in found.listable


def test_a_program_beside_the_settings_has_its_package_without_them(project):
    found = made_of("shop.agents", project)
    assert "shop" in found.packages
    assert found.hidden[:2] == ("shop.settings", "shop.urls")
    assert readable(found, project / "shop/helpers.py")
    assert not readable(found, project / "shop/settings.py")
    assert not readable(found, project / "shop/urls.py")


def test_of_this_application_it_sees_what_programs_are_written_against(project):
    found = made_of("shop_agents.sales", project)
    ours = Path(surroundings.__file__).parent.parent
    parts = {path.name for path in ours.iterdir() if readable(found, path)}
    assert parts == {"__init__.py", "domain", "policy", "runtimes"}
    assert {"governance.models", "governance.services", "governance.exams"} <= set(found.hidden)
    assert not {"governance.domain", "governance.runtimes"} & set(found.hidden)


def test_installed_packages_and_the_standard_library_are_there(project):
    found = made_of("shop_agents.sales", project)
    assert readable(found, Path(sys.modules["json"].__file__))
    assert readable(found, Path(sys.modules["pydantic"].__file__))


def test_nothing_of_the_machine_that_holds_secrets(project):
    found = made_of("shop_agents.sales", project)
    for path in ("/etc/passwd", "/etc/shadow", "/proc/1/environ", "/root/.ssh", str(ROOT / "var")):
        assert not readable(found, Path(path)), path
