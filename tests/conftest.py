"""Fixtures that several rooms share: a real, tiny Llama, its tokenizer and a LoRA adapter over it."""

import json
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

if TYPE_CHECKING:
    from htmlgen.store import Store
    from tests.postgres import Postgres

# Before torch and the tokenizers are imported: tests share two cores, and none may reach for a model hub.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

# A machine that others share makes any deadline fail some day; what is slow is measured in benchmarks/.
hypothesis.settings.register_profile("shared-machine", deadline=None)
hypothesis.settings.load_profile("shared-machine")

SPECIAL = ["<unk>", "<s>", "</s>", "<pad>"]
CORPUS = [
    "<!DOCTYPE html>\n<html>\n<head>\n<title>A page</title>\n<style>body { color: red; margin: 0 }</style>\n</head>",
    '<body>\n<h1>Hello, world</h1>\n<p class="intro">Some <b>words</b> and <s>struck ones</s>.</p>\n</body>\n</html>',
    "Make a login page with a form, two fields and a button. Make the header green.",
    "Café, naïve, Grüße, 日本語のページ, 😀 emoji, Привет",
]


def train_byte_level() -> Any:
    """A byte-level BPE tokenizer (as GPT-2, Falcon and Qwen have), 512 tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=512, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    backend.train_from_iterator(CORPUS * 4, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )


def train_metaspace() -> Any:
    """A SentencePiece-like tokenizer (as Llama, Code Llama and Mistral have): dummy prefix space, byte fallback."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    backend.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    pieces = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=700, special_tokens=SPECIAL + pieces, show_progress=False)
    backend.train_from_iterator([text for text in CORPUS if text.isascii()] * 4, trainer)
    # The trainer marks the byte pieces special; SentencePiece models have them as ordinary tokens.
    state = json.loads(backend.to_str())
    state["added_tokens"] = [token for token in state["added_tokens"] if token["content"] in SPECIAL]
    backend = Tokenizer.from_str(json.dumps(state))
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )


@pytest.fixture(scope="session")
def byte_level_tokenizer() -> Any:
    return train_byte_level()


@pytest.fixture(scope="session")
def metaspace_tokenizer() -> Any:
    return train_metaspace()


@pytest.fixture(scope="session")
def tiny_llama_dir(tmp_path_factory: pytest.TempPathFactory, byte_level_tokenizer: Any) -> Path:
    """A hub-like folder: config, safetensors and tokenizer of a random 2-layer Llama with 1,024 tokens of context."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("models") / "tiny-llama"
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(byte_level_tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=1024,
        bos_token_id=byte_level_tokenizer.bos_token_id,
        eos_token_id=byte_level_tokenizer.eos_token_id,
        pad_token_id=byte_level_tokenizer.pad_token_id,
        tie_word_embeddings=False,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    byte_level_tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_adapter_dir(tmp_path_factory: pytest.TempPathFactory, tiny_llama_dir: Path) -> Path:
    """A LoRA adapter over `tiny_llama_dir` whose B is not zero, so that it changes what the model writes."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from htmlgen.prompt import write_prompt_format

    folder = tmp_path_factory.mktemp("models") / "tiny-adapter"
    torch.manual_seed(1)
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(tiny_llama_dir),
        LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM"),
    )
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.5)
    model.save_pretrained(folder)
    write_prompt_format(folder, "alpaca", str(tiny_llama_dir))
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data for measuring, which does not ship with the project; skips where it is absent."""
    named = os.environ.get("HTMLGEN_SHARED_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no shared data here")
    return folder


@pytest.fixture(scope="session")
def postgres() -> "Iterator[Postgres]":
    """A PostgreSQL server of the tests' own; skips where Debian's package is not installed."""
    from tests.postgres import Postgres, find_binaries

    binaries = find_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed: make postgresql")
    server = Postgres(binaries)
    yield server
    server.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/htmlgen.db"
    return str(request.getfixturevalue("postgres").new_database())


@pytest.fixture
async def store(database_url: str) -> "AsyncIterator[Store]":
    """An open store over an empty database, once of each kind."""
    from htmlgen.store import Store

    opened = await Store.open(database_url)
    yield opened
    await opened.close()
