"""The adapter that a run goes on from (`--start-from`): its weights, the prompt format it reads, the rows it has learned.

before = Predecessor.find("runs/last-week")
split = before.keep_learned(split)
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from peft import PeftModel, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file as load_tensors

from htmlgen.adapter import same_model
from htmlgen.errors import ModelNotFound, SettingsError
from htmlgen.prompt import read_prompt_format
from train.data import Record, Split
from train.learned import Learned

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
SCALING = ("lora_alpha", "use_rslora", "use_dora")
"""Settings that no tensor's shape tells, and without which the same weights are another adapter."""


@dataclass(frozen=True)
class Predecessor:
    folder: Path

    @classmethod
    def find(cls, name: str) -> "Predecessor":
        """The adapter in a folder, or in a run's.

        Raises:
            ModelNotFound: there is none.
        """
        for folder in (Path(name) / "adapter", Path(name)):
            if (folder / WEIGHTS).is_file() and (folder / CONFIG).is_file():
                return cls(folder)
        raise ModelNotFound(
            f"--start-from {name}: no {WEIGHTS} with an {CONFIG} is there. Name a run's folder, or its adapter folder."
        )

    @property
    def learned(self) -> Learned:
        """Nothing where that is not known."""
        return Learned.read(self.folder.parent) or Learned({})

    def prompt_format(self, chosen: str | None) -> str | None:
        """What was chosen, else what the adapter reads, else None.

        Raises:
            SettingsError: the two are not the same.
        """
        saved = read_prompt_format(self.folder)
        if chosen and saved and chosen != saved:
            raise SettingsError(
                f"The adapter in --start-from {self.folder} reads prompts in the format {saved!r}, not {chosen!r}. Drop --prompt-format."
            )
        return chosen or saved

    def keep_learned(self, split: Split) -> Split:
        """The split with every validation row that the adapter was trained on among the training rows: it would be flattered there."""
        learned = self.learned
        sides: tuple[list[Record], list[Record]] = ([], [])
        for record in split.validation:
            sides[learned.use_of(record) == "train"].append(record)
        rest, known = sides
        return replace(split, train=[*split.train, *known], validation=rest)

    def give_weights(self, model: PeftModel) -> None:
        """Puts its weights into a fresh adapter, all of them or none.

        Raises:
            SettingsError: the fresh one is of another kind; the message says which flag to change.
        """
        saved, own = json.loads((self.folder / CONFIG).read_text("utf-8")), model.peft_config["default"]
        base = str(own.base_model_name_or_path)
        if not same_model(named := str(saved.get("base_model_name_or_path") or base), base, self.folder):
            raise SettingsError(
                f"The adapter in --start-from {self.folder} was trained on {named}, and this run's base is {base}. Take --base {named}."
            )
        for name in SCALING:
            if (was := saved.get(name)) is not None and was != (now := getattr(own, name, None)):
                flag = f"--lora-alpha {was}" if name == "lora_alpha" else "its --adapter-type"
                raise SettingsError(
                    f"The adapter in --start-from {self.folder} was trained with {name} {was}, and this run has {now}. Take {flag}."
                )
        tensors = load_tensors(self.folder / WEIGHTS)
        fresh = get_peft_model_state_dict(model, save_embedding_layers=False)
        if {name: tensor.shape for name, tensor in fresh.items()} != {name: t.shape for name, t in tensors.items()}:
            raise SettingsError(
                f"The adapter in --start-from {self.folder} has another shape than this one. Take its --adapter-type, --r and "
                f"--target-modules: they stand in {self.folder / CONFIG}."
            )
        set_peft_model_state_dict(model, tensors)
