"""Everything a run needs before its first step: devices, base and adapter, rows, and the plan of steps."""

import importlib.util
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.utils import ProjectConfiguration, gather_object
from peft import PeftModel
from torch import Tensor, nn

from htmlgen.errors import SettingsError
from htmlgen.presets import Preset, find_preset
from train.adapters import attach, base_name, load_base, prepare_checkpointing, trained_parameters
from train.attention import use_document_attention
from train.batches import Row, collate, pack, use_packing
from train.config import TrainConfig
from train.data import Record, load_split
from train.learned import Learned
from train.lengths import load_tokenizer, prompt_format_of
from train.loss import SummedLoss
from train.parallel import shard, wants_sharding, whole
from train.plan import Plan, fingerprint
from train.precision import Precision, choose_precision
from train.predecessor import Predecessor
from train.run import RunFolder
from train.tokens import Example, encode_records, limit

CHECKED_TOKENS = 128
"""Tokens of the example on which the chunked loss is compared with the model's own."""


FEW_STEPS = 20
"""Steps below which a run hardly moves its adapter: a set of fifty pages has that few at the defaults, which suit thousands."""


@dataclass
class Session:
    """A loaded run. `loss` holds the peft model `model`; `wrapped` is it as this run's processes share it."""

    config: TrainConfig
    accelerator: Accelerator
    precision: Precision
    preset: Preset
    prompt_format: str
    model: PeftModel
    tokenizer: Any
    loss: SummedLoss
    wrapped: nn.Module
    sharded: bool
    checkpointing: bool
    initial: dict[str, Tensor] | None
    packed: bool
    plan: Plan
    validation: list[Row]
    prompts: list[Record]
    """What sample pages are asked for: validation records, or training ones where there is no validation."""
    context: int | None
    learned: Learned
    """What this run learns from, and what the adapter that it goes on from had."""

    @property
    def pad_id(self) -> int:
        """Any id does: padding is masked by length."""
        return self.tokenizer.pad_token_id if self.tokenizer.pad_token_id is not None else 0

    def say(self, text: str) -> None:
        """Prints, once, whatever the number of processes."""
        self.accelerator.print(text)

    def summary(self) -> str:
        """What is trained on what, in two lines, and a third where the settings do not suit the data."""
        config, plan = self.config, self.plan
        trained = sum(parameter.numel() for parameter in self.loss.parameters() if parameter.requires_grad)
        total = sum(len(example) for row in plan.rows for example in row)
        shape = "packed" if self.packed else "padded"
        return (
            f"{config.adapter.type} with {trained:,} parameters on {base_name(self.preset)} ({config.quantization}, "
            f"{str(self.precision.dtype).removeprefix('torch.')}, {self.precision.device.type} x {self.accelerator.num_processes}"
            f"{', sharded' if self.sharded else ''}{', gradient checkpointing' if self.checkpointing else ''})\n"
            f"{plan.steps:,} steps, {plan.steps_per_epoch:,} an epoch; {len(plan.rows):,} {shape} rows, {total:,} tokens"
            + (
                f"\n{plan.steps} steps are few to learn in: lower --gradient-accumulation, or raise --epochs."
                if plan.steps < FEW_STEPS and config.max_steps is None
                else ""
            )
        )

    def start_tracking(self, folder: RunFolder, step: int) -> None:
        """Opens the tracker of `--track`, if any. What a broken-off run sent it after `step` is hidden where it can be."""
        if self.config.track == "none":
            return
        settings = {
            f"{section}.{name}" if section else name: str(value) if isinstance(value, list | tuple) else value
            for section, part in (
                ("", asdict(self.config)),
                *((k, v) for k, v in asdict(self.config).items() if isinstance(v, dict)),
            )
            for name, value in part.items()
            if not isinstance(value, dict) and value is not None
        }
        options: dict[str, dict[str, Any]] = {
            "tensorboard": {"purge_step": step + 1} if step else {},
            "wandb": {"name": folder.path.name, "dir": str(folder.path)},
            "trackio": {"name": folder.path.name},
        }
        self.accelerator.init_trackers("htmlgen-studio", config=settings, init_kwargs=options)

    def identity(self) -> dict[str, Any]:
        """What a checkpoint must share with the run that goes on from it. JSON values only."""
        config = self.config
        return {
            "rows": fingerprint(self.plan.rows),
            "validation rows": fingerprint(self.validation),
            "--base": base_name(self.preset),
            "--quantization": config.quantization,
            "adapter": asdict(config.adapter),
            "--optimizer": config.optimizer,
            "--seed": config.seed,
            "--micro-batch-size": config.micro_batch_size,
            "micro-batches a step": config.gradient_accumulation * self.accelerator.num_processes,
            "packing": self.packed,
            "--group-by-length": config.group_by_length,
            "prompt format": self.prompt_format,
        }

    def changeable(self) -> dict[str, Any]:
        """What a run may go on with otherwise than it began, and is then not the same run any more. JSON values only."""
        names = (
            "epochs",
            "max_steps",
            "learning_rate",
            "schedule",
            "warmup_ratio",
            "warmup_steps",
            "weight_decay",
            "max_grad_norm",
        )
        settings = {"--" + name.replace("_", "-"): getattr(self.config, name) for name in names}
        dtype = str(self.precision.dtype).removeprefix("torch.")
        return settings | {"--betas": list(self.config.betas), "precision": dtype}

    def tell_changes(self, saved: Mapping[str, Any], name: str) -> None:
        """Says in what the run goes on otherwise than it was when checkpoint `name` was saved."""
        changes = [
            f"{what} {saved[what]} -> {now}" for what, now in self.changeable().items() if saved.get(what, now) != now
        ]
        if changes:
            self.say(f"From {name} on with other settings: {', '.join(changes)}.")

    def require_same(self, saved: Mapping[str, Any], name: str) -> None:
        """
        Raises:
            SettingsError: the checkpoint `name` is of a run that learned from something else, or otherwise.
        """
        differences = [
            f"{what} was {saved.get(what)!r} and is {now!r}" if len(repr(now)) < 60 else f"{what} are not the same"
            for what, now in self.identity().items()
            if saved.get(what) != now
        ]
        if differences:
            raise SettingsError(
                f"Checkpoint {name} cannot be resumed: {'; '.join(differences)}. Give the settings of the run's config.yaml, or "
                "start another run in another folder."
            )

    def gather_states(self, states: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The random states of all processes, by rank; every process must call it."""
        mine = {f"{self.accelerator.process_index}.{name}": state for name, state in states.items()}
        if self.accelerator.num_processes == 1:
            return mine
        return {name: state for part in gather_object([mine]) for name, state in part.items()}

    def own_states(self, states: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """This process's part of what `gather_states` gave."""
        prefix = f"{self.accelerator.process_index}."
        return {name.removeprefix(prefix): state for name, state in states.items() if name.startswith(prefix)}


def load_session(config: TrainConfig) -> Session:
    """Loads all that a run needs. Equal settings give equal sessions, in every process.

    Raises:
        SettingsError, ModelError: with what to change.
    """
    sharded = wants_sharding(config.parallel)
    if config.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS reads it when CUDA starts
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False
    accelerator = _accelerator(config)
    precision = choose_precision(config.precision, accelerator.device, sharded=sharded)
    with accelerator.main_process_first():  # so that one process fills the data set's cache
        split = load_split(config.dataset)
    learned = Learned.of(split.train, split.validation)
    prompt_format = config.dataset.prompt_format
    if config.adapter.start_from is not None:
        before = Predecessor.find(config.adapter.start_from)
        split = before.keep_learned(split)
        learned = before.learned | Learned.of(split.train, split.validation)
        prompt_format = before.prompt_format(prompt_format)
    accelerator.print(split)

    preset = find_preset(config.base)
    tokenizer, context = load_tokenizer(preset)
    # What is to be split may not fit whole into any one GPU.
    device = torch.device("cpu") if sharded and config.quantization == "none" else precision.device
    model: Any = load_base(preset, config.quantization, precision.dtype, device)
    prompt_format = prompt_format_of(preset, prompt_format)
    if context is not None and config.adapter.type in ("prefix", "prompt"):
        context -= config.adapter.virtual_tokens
    max_length = limit(config.dataset.max_length, context)
    by_document = config.packing is not False and use_document_attention(model, max_length)
    torch.manual_seed(config.seed)  # the same first adapter in every process
    peft_model = attach(model, config.adapter, preset)
    checkpointing = prepare_checkpointing(peft_model, config.gradient_checkpointing, config.adapter)

    options: dict[str, Any] = {"overlong": config.dataset.overlong, "overlap": config.dataset.overlap}
    examples, report = encode_records(split.train, tokenizer, prompt_format, max_length, **options)
    accelerator.print(f"training: {report}")
    held_out: list[Example] = []
    if config.has_validation:
        held_out, report = encode_records(split.validation, tokenizer, prompt_format, max_length, **options)
        accelerator.print(f"validation: {report}")
        if not held_out:
            raise SettingsError("The validation part is empty. Raise --validation-size, or set it to 0.")
    packed = use_packing(config, peft_model)
    if by_document and not packed:
        model.set_attn_implementation("sdpa")
    rows, validation = [pack(part, max_length) if packed else [[e] for e in part] for part in (examples, held_out)]

    loss = SummedLoss(peft_model)
    _check_loss(loss, examples, accelerator, device)
    initial = None
    if config.adapter.type == "pissa":
        initial = {name: whole(parameter) for name, parameter in trained_parameters(peft_model).items()}
    wrapped: nn.Module = loss
    if sharded:
        shard(loss, accelerator)
    elif accelerator.num_processes > 1:
        wrapped = accelerator.prepare_model(loss)
    torch.manual_seed(config.seed + accelerator.process_index)  # dropout differs between processes
    return Session(
        config=config,
        accelerator=accelerator,
        precision=precision,
        preset=preset,
        prompt_format=prompt_format,
        model=peft_model,
        tokenizer=tokenizer,
        loss=loss,
        wrapped=wrapped,
        sharded=sharded,
        checkpointing=checkpointing,
        initial=initial,
        packed=packed,
        plan=Plan(rows, config, packed=packed, processes=accelerator.num_processes),
        validation=validation,
        prompts=split.validation or split.train,
        context=context,
        learned=learned,
    )


def _accelerator(config: TrainConfig) -> Accelerator:
    tracker = None if config.track == "none" or config.dry_run else config.track
    if tracker is not None and importlib.util.find_spec(tracker) is None:  # accelerate would go on without a word
        raise SettingsError(f"--track {tracker} needs its package: pip install {tracker}. Or use --track tensorboard.")
    return Accelerator(
        # Else accelerate takes processes that find no GPU for single ones: each would train alone, into the same folder.
        cpu=not torch.accelerator.is_available(),
        mixed_precision="no",  # ours: fp16 on a CPU, and quantised bases, need their own
        log_with=tracker,
        project_config=ProjectConfiguration(config.out, logging_dir=str(RunFolder(config.out).tensorboard)),
        # Buffers are constants here (rotary frequencies), the same everywhere.
        kwargs_handlers=[DistributedDataParallelKwargs(broadcast_buffers=False, gradient_as_bucket_view=True)],
    )


def _check_loss(loss: SummedLoss, examples: list[Example], accelerator: Accelerator, device: torch.device) -> None:
    """Architectures that do something to the logits after the output layer (soft caps, scales) get the plain loss."""
    shortest = min(examples, key=len)
    start = max(0, shortest.learn_from - CHECKED_TOKENS // 2)
    ids = shortest.input_ids[start : start + CHECKED_TOKENS]
    example = Example(ids, max(1, shortest.learn_from - start))
    batch = collate([[example]], 0, packed=False)
    if not loss.agrees({name: tensor.to(device) for name, tensor in batch.items()}):
        loss.chunked = False
        accelerator.print(
            "This architecture changes its logits after the output layer: the loss takes all of them, and more memory."
        )
