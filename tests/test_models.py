"""What can be chosen: presets that fit this machine, and finished runs, as they come and go."""

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest

from htmlgen import models
from htmlgen.errors import RequestError
from htmlgen.models import Catalogue, Model, find_model
from htmlgen.presets import PRESETS, Preset, find_preset

DEMO = PRESETS["demo"]


@pytest.fixture(autouse=True)
def empty_hub(monkeypatch, tmp_path: Path) -> Path:
    """A hub's cache with nothing in it, and no way out."""
    cache = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(models, "_network_is_plausible", lambda: False)
    return cache


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    folder = tmp_path / "runs"
    folder.mkdir()
    return folder


def finish_run(runs: Path, name: str, adapter: Path, **config: Any) -> Path:
    """What training leaves behind."""
    folder = Path(shutil.copytree(adapter, runs / name / "adapter"))
    file = folder / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | config))
    return folder


def ids(preset: Preset = DEMO, adapter: str | None = None, runs: Path | None = None, room: float = 100.0) -> list[str]:
    return [model.id for model in Catalogue(preset, adapter, runs and str(runs), lambda: room).read()]


class TestDefault:
    @pytest.mark.parametrize(
        ("preset", "adapter", "expected"),
        [
            ("demo", DEMO.adapter, Model("demo", "demo", DEMO.base, DEMO.adapter, DEMO.note)),
            ("demo", None, Model("demo:base", "demo, base alone", DEMO.base)),
            ("demo", "my/adapter", Model("my/adapter", "demo with my/adapter", DEMO.base, "my/adapter")),
            ("mistral", None, Model("mistral", "mistral", "mistralai/Mistral-7B-v0.1")),
            ("my/base", None, Model("my/base", "my/base", "my/base")),
        ],
    )
    def test_it_is_what_the_settings_name(self, preset: str, adapter: str | None, expected: Model) -> None:
        assert Catalogue(find_preset(preset), adapter, None, lambda: 100.0).read() == (expected,)

    def test_one_that_is_a_run_too_is_as_the_settings_name_it(
        self, runs: Path, tmp_path: Path, tiny_llama_dir: Path, tiny_adapter_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its adapter names a base on the hub, of which there is a copy here."""
        base = shutil.copytree(tiny_llama_dir, tmp_path / "CodeLlama-7b")
        adapter = finish_run(runs, "mine", tiny_adapter_dir, base_model_name_or_path="someone/CodeLlama-7b")
        monkeypatch.chdir(runs.parent)
        for name in (str(adapter), "runs/mine/adapter", "./runs/mine/adapter"):
            first = Catalogue(find_preset(str(base)), name, str(runs), lambda: 100.0).read()[0]
            assert (first.id, first.base, first.adapter) == ("runs/mine", str(base), name)

    def test_what_is_in_memory_stays_listed_however_little_is_free(
        self, runs: Path, monkeypatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(models, "_reachable", lambda name, file: "")
        mistral = find_preset("mistral").base
        assert "mistral" not in ids(runs=runs, room=1.0)
        found = Catalogue(DEMO, DEMO.adapter, str(runs), lambda: 1.0, lambda: mistral).read()
        assert "mistral" in [model.id for model in found]

    def test_it_is_listed_once_and_first(self, runs: Path, tiny_adapter_dir: Path) -> None:
        adapter = finish_run(runs, "mine", tiny_adapter_dir, base_model_name_or_path="models/demo/base")
        assert ids(DEMO, str(adapter), runs) == ["runs/mine", "demo", "demo:base"]
        assert ids(DEMO, DEMO.adapter, runs) == ["demo", "demo:base", "runs/mine"]
        assert ids(DEMO, None, runs) == ["demo:base", "demo", "runs/mine"]

    def test_a_model_is_found_by_id_and_the_default_by_none(self) -> None:
        both = Model("a", "A", "base"), Model("b", "B", "base")
        assert (find_model(both, ""), find_model(both, "b")) == both
        with pytest.raises(RequestError, match=r"no model 'c' here. Choose one of: a, b\."):
            find_model(both, "c")


class TestPresets:
    def test_one_that_is_too_large_is_not_offered_and_the_default_always_is(self, runs: Path, monkeypatch) -> None:
        monkeypatch.setattr(models, "_network_is_plausible", lambda: True)
        assert "codellama" in ids(runs=runs, adapter=DEMO.adapter, room=7.0)
        small = ids(runs=runs, adapter=DEMO.adapter, room=6.9)
        assert "codellama" not in small
        assert "qwen-coder" in small
        assert ids(runs=runs, adapter=DEMO.adapter, room=0.0) == ["demo", "demo:base"]

    def test_one_on_the_hub_is_offered_when_it_is_here_or_can_be_had(self, runs: Path, monkeypatch, empty_hub) -> None:
        def note() -> str | None:
            found = Catalogue(DEMO, DEMO.adapter, str(runs), lambda: 100.0).read()
            return next((model.note for model in found if model.id == "qwen-coder"), None)

        assert note() is None
        monkeypatch.setattr(models, "_network_is_plausible", lambda: True)
        assert "downloads it" in str(note())
        monkeypatch.setattr(models, "_network_is_plausible", lambda: False)
        snapshot = empty_hub / "models--Qwen--Qwen2.5-Coder-1.5B-Instruct" / "snapshots" / "c0ffee"
        snapshot.mkdir(parents=True)
        (snapshot / "config.json").write_text("{}")
        refs = snapshot.parents[1] / "refs"
        refs.mkdir()
        (refs / "main").write_text("c0ffee")
        assert "downloads" not in str(note())

    def test_offline_mode_and_a_machine_without_a_way_out_have_no_network(self, monkeypatch) -> None:
        monkeypatch.undo()
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        assert not models._network_is_plausible()

    def test_gptq_is_offered_only_where_it_is_installed(self, runs: Path, monkeypatch) -> None:
        monkeypatch.setattr(models, "_network_is_plausible", lambda: True)
        real = models.importlib.util.find_spec
        for there in (True, False):
            monkeypatch.setattr(
                models.importlib.util,
                "find_spec",
                lambda name, there=there: there or None if name == "gptqmodel" else real(name),
            )
            assert ("llama2-gptq" in ids(runs=runs)) == there


class TestRuns:
    def test_a_run_appears_when_it_is_finished_and_goes_with_its_folder(
        self, runs: Path, tiny_adapter_dir: Path
    ) -> None:
        catalogue = Catalogue(DEMO, DEMO.adapter, str(runs), lambda: 0.0)
        assert [model.id for model in catalogue.read()] == ["demo", "demo:base"]
        adapter = finish_run(runs, "mine", tiny_adapter_dir, base_model_name_or_path="models/demo/base")
        found = catalogue.read()[-1]
        assert (found.id, found.base, found.adapter) == ("runs/mine", DEMO.base, str(adapter))
        assert "demo" in found.note
        shutil.rmtree(runs / "mine")
        assert len(catalogue.read()) == 2

    def test_a_folder_of_plain_adapters_will_do(self, runs: Path, tiny_adapter_dir: Path, tiny_llama_dir: Path) -> None:
        shutil.copytree(tiny_adapter_dir, runs / "plain")
        assert ids(runs=runs)[-1] == "runs/plain"

    def test_no_folder_is_no_runs(self, tmp_path: Path) -> None:
        assert ids(adapter=DEMO.adapter, runs=tmp_path / "nowhere") == ["demo", "demo:base"]

    @pytest.mark.parametrize(
        ("base", "expected"),
        [
            ("models/demo/base", DEMO.base),
            ("demo", DEMO.base),
            ("somebody/else/models/demo/base", DEMO.base),
            ("owner/unknown", None),
            ("/nowhere/at/all", None),
            (None, None),
        ],
    )
    def test_its_base_is_the_one_that_its_config_means(
        self, runs: Path, tiny_adapter_dir: Path, base: str | None, expected: str | None
    ) -> None:
        finish_run(runs, "mine", tiny_adapter_dir, base_model_name_or_path=base)
        found = Catalogue(DEMO, DEMO.adapter, str(runs), lambda: 0.0).read()
        assert [model.base for model in found if model.id == "runs/mine"] == ([expected] if expected else [])

    def test_a_broken_one_is_not_listed_and_the_log_says_once_what_it_lacks(
        self, runs: Path, tiny_adapter_dir: Path, caplog
    ) -> None:
        no_weights = finish_run(runs, "no-weights", tiny_adapter_dir)
        (no_weights / "adapter_model.safetensors").unlink()
        no_config = finish_run(runs, "no-config", tiny_adapter_dir)
        (no_config / "adapter_config.json").write_text("{")
        finish_run(runs, "no-base", tiny_adapter_dir, base_model_name_or_path="owner/unknown")
        (runs / "in-training" / "checkpoints").mkdir(parents=True)
        (runs / "a-file.yaml").write_text("x")
        catalogue = Catalogue(DEMO, DEMO.adapter, str(runs), lambda: 0.0)
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                assert [model.id for model in catalogue.read()] == ["demo", "demo:base"]
        told = [record.getMessage() for record in caplog.records]
        assert len(told) == 3
        assert any("no-weights" in line and "no adapter_model.safetensors" in line for line in told)
        assert any("no-config" in line and "cannot be read" in line for line in told)
        assert any("no-base" in line and "its base owner/unknown is not on this machine" in line for line in told)
