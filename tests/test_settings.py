"""Settings come from the environment and `.env`, say what is wrong with them, and are all in the README."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from htmlgen.errors import SettingsError
from htmlgen.presets import PRESETS, find_preset
from htmlgen.prompt import FORMATS
from htmlgen.settings import PROJECT, Settings, load_settings


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch, tmp_path: Path) -> Path:
    """A folder without `.env`, and no variables."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"HTMLGEN_{name.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def table() -> str:
    """The README's table of settings."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else f"`{field.default}`"
        rows.append(f"| `HTMLGEN_{name.upper()}` | {default} | {field.description} |")
    return "\n".join(rows)


def test_the_readme_has_every_setting_with_its_default_and_meaning() -> None:
    assert table() in (PROJECT / "README.md").read_text("utf-8"), f"The README's settings should be:\n{table()}"


def test_variables_win_over_the_env_file_and_that_over_defaults(monkeypatch, bare_environment: Path) -> None:
    assert load_settings().queue_size == 8
    (bare_environment / ".env").write_text("HTMLGEN_QUEUE_SIZE=3\nHTMLGEN_QUANTIZATION=none\nUNKNOWN=1\n")
    assert (load_settings().queue_size, load_settings().quantization) == (3, "none")
    monkeypatch.setenv("HTMLGEN_QUEUE_SIZE", "5")
    assert (load_settings().queue_size, load_settings().quantization) == (5, "none")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("QUANTIZATION", "2bit"),
        ("QUEUE_SIZE", "-1"),
        ("QUEUE_SIZE", "many"),
        ("MAX_NEW_TOKENS", "0"),
        ("MAX_PAGE_BYTES", "10"),
    ],
)
def test_a_wrong_value_is_told_with_its_variable(monkeypatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"HTMLGEN_{name}", value)
    with pytest.raises(SettingsError, match=f"HTMLGEN_{name}='{value}'"):
        load_settings()


def test_settings_do_not_change_while_they_are_used() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_settings().queue_size = 1


class TestPresets:
    def test_each_is_found_by_its_name_and_has_a_known_format(self) -> None:
        for name, preset in PRESETS.items():
            assert find_preset(name) is preset
            assert preset.name == name
            assert preset.prompt_format in FORMATS

    def test_the_demo_lies_in_the_project(self) -> None:
        assert Path(PRESETS["demo"].base).parent == PROJECT / "models" / "demo"

    @pytest.mark.parametrize("name", ["owner/model", "./folder"])
    def test_any_other_name_is_a_model_of_its_own_without_adapter(self, name: str) -> None:
        preset = find_preset(name)
        assert (preset.name, preset.base, preset.adapter) == (name, name, None)
