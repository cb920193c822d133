"""GGUF files, read back by others: the gguf package, and transformers' own reader, which undoes what llama.cpp wants turned."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import gguf
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GPT2Config, LlamaConfig, LlamaForCausalLM

from htmlgen.errors import ModelError, SettingsError
from htmlgen.presets import PRESETS
from htmlgen.prompt import write_prompt_format
from tests.conftest import CORPUS
from tests.test_merge import arguments
from train.gguf import PROMPT_FORMAT, check_architecture, write_gguf
from train.gguf_vocab import read_vocab
from train.merge import GGUF_FILE
from train.merge import run as merge


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, byte_level_tokenizer: Any) -> Path:
    """A Llama whose keys have fewer heads than its queries, in bf16, embeddings tied, one row more than the tokenizer has tokens."""
    folder = tmp_path_factory.mktemp("gguf") / "grouped"
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=len(byte_level_tokenizer) + 1, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, rope_parameters={"rope_type": "default", "rope_theta": 50_000.0},
        tie_word_embeddings=True, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    made = LlamaForCausalLM(config)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    made.to(torch.bfloat16).save_pretrained(folder)
    byte_level_tokenizer.save_pretrained(folder)
    write_prompt_format(folder, "alpaca", "nothing")
    return folder


def value(reader: gguf.GGUFReader, key: str) -> Any:
    field = reader.fields[key]
    return field.contents()


@torch.no_grad()
def logits(model: Any) -> torch.Tensor:
    return model.eval()(input_ids=torch.arange(3, 60)[None]).logits.float()


@pytest.mark.parametrize(("kind", "stored"), [("auto", "BF16"), ("bf16", "BF16"), ("f16", "F16")])
def test_another_reader_finds_the_same_model(model: Path, tmp_path: Path, kind: str, stored: str) -> None:
    write_gguf(model, tmp_path / "model.gguf", kind=kind, name="pages")
    reader = gguf.GGUFReader(tmp_path / "model.gguf")
    types = {tensor.name: tensor.tensor_type.name for tensor in reader.tensors}
    assert types["blk.1.attn_k.weight"] == types["token_embd.weight"] == stored
    assert types["blk.1.attn_norm.weight"] == "F32"
    assert "output.weight" not in types  # tied: llama.cpp takes the embeddings
    shown = {key: value(reader, key) for key in ("general.name", "llama.attention.head_count_kv", "llama.context_length", "llama.rope.freq_base", PROMPT_FORMAT)}  # fmt: skip
    assert list(shown.values()) == ["pages", 2, 256, 50_000.0, "alpaca"]
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file="model.gguf", dtype=torch.float32)
    ours = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    for name, weight in ours.state_dict().items():
        # Weights of 0.3 and less lose nothing that counts from bf16 to f16, except the tiniest.
        torch.testing.assert_close(theirs.state_dict()[name], weight, atol=0 if stored == "BF16" else 1e-6, rtol=0)
    torch.testing.assert_close(logits(theirs), logits(ours), atol=0 if stored == "BF16" else 1e-3, rtol=0)


def test_merge_writes_it_beside_the_model(tiny_adapter_dir: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "merged"
    assert merge(arguments("--adapter", tiny_adapter_dir, "--out", out, "--gguf")) == 0
    assert f"Wrote {out / GGUF_FILE}" in capsys.readouterr().out
    theirs = AutoModelForCausalLM.from_pretrained(out, gguf_file=GGUF_FILE, dtype=torch.float32)
    ours = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32)
    # The merged model is in fp32 here, and the file in bf16.
    assert float((logits(theirs) - logits(ours)).abs().max()) < 0.1 * float(logits(ours).abs().max())


class TestVocab:
    def test_pieces_kinds_and_ends_of_byte_level_bpe(self, byte_level_tokenizer: Any) -> None:
        vocab = read_vocab(byte_level_tokenizer, len(byte_level_tokenizer) + 2)
        assert vocab.tokens[:-2] == byte_level_tokenizer.convert_ids_to_tokens(range(len(byte_level_tokenizer)))
        assert vocab.tokens[-1] == f"[PAD{len(byte_level_tokenizer) + 1}]"
        assert [t.name for t in vocab.types[:5]] == ["UNKNOWN", "CONTROL", "CONTROL", "CONTROL", "NORMAL"]
        assert vocab.types[-1] == gguf.TokenType.UNUSED
        assert (vocab.model, vocab.pre, vocab.bos, vocab.eos, vocab.pad, vocab.notes) == ("gpt2", "gpt-2", 1, 2, 3, [])

    def test_the_demo_models_lines_are_tokens_and_its_words_are_told_of(self) -> None:
        tokenizer = AutoTokenizer.from_pretrained(PRESETS["demo"].base)
        vocab = read_vocab(tokenizer, len(tokenizer))
        assert vocab.types[4095] == gguf.TokenType.USER_DEFINED
        assert vocab.tokens[4095] == "--round:8px;\n"
        assert "HTMLGEN_SERVER_TOKENIZER" in vocab.notes[0]

    @pytest.mark.parametrize(
        ("kinds", "pre"),
        [
            ([{"type": "Split", "pattern": {"Regex": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"}, "behavior": "Isolated", "invert": False}, False], "llama-bpe"),
            ([{"type": "Digits", "individual_digits": True}, True], "smollm"),
            ([{"type": "Split", "pattern": {"Regex": "my own"}, "behavior": "Isolated", "invert": False}, False], None),
        ],
    )  # fmt: skip
    def test_the_division_into_words_is_named_or_told_of(
        self, byte_level_tokenizer: Any, tmp_path: Path, kinds: list[Any], pre: str | None
    ) -> None:
        byte_level_tokenizer.save_pretrained(tmp_path)
        state = json.loads((tmp_path / "tokenizer.json").read_text())
        level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": kinds[1]}
        state["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [kinds[0], level]}
        (tmp_path / "tokenizer.json").write_text(json.dumps(state))
        vocab = read_vocab(AutoTokenizer.from_pretrained(tmp_path), 600)
        assert (vocab.pre, bool(vocab.notes)) == (pre or "gpt-2", pre is None)

    def test_scores_make_sentencepiece_split_as_the_merges_do(self, metaspace_tokenizer: Any) -> None:
        vocab = read_vocab(metaspace_tokenizer, len(metaspace_tokenizer))
        assert (vocab.model, vocab.space_prefix) == ("llama", True)
        assert vocab.types[vocab.tokens.index("<0x41>")] == gguf.TokenType.BYTE
        ids = {piece: id for id, piece in enumerate(vocab.tokens)}
        for text in (text for text in CORPUS if text.isascii()):
            parts = list(("▁" + text).replace(" ", "▁"))
            while True:  # the neighbours whose piece scores highest, the first of equals
                pairs = [(vocab.scores[ids[a + b]], -n) for n, (a, b) in enumerate(pairwise(parts)) if a + b in ids]  # fmt: skip
                if not pairs:
                    break
                place = -max(pairs)[1]
                parts[place : place + 2] = [parts[place] + parts[place + 1]]
            split = [id for part in parts for id in ([ids[part]] if part in ids else [ids[f"<0x{b:02X}>"] for b in part.encode()])]  # fmt: skip
            assert split == metaspace_tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)

    def test_a_tokenizer_larger_than_the_model(self, byte_level_tokenizer: Any) -> None:
        with pytest.raises(ModelError, match="432 tokens and the model 400 embeddings"):
            read_vocab(byte_level_tokenizer, 400)


class TestRefusals:
    @pytest.mark.parametrize(
        ("config", "words"),
        [
            (GPT2Config(), r"this one is gpt2.*convert_hf_to_gguf\.py"),
            (LlamaConfig(rope_parameters={"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0, "original_max_position_embeddings": 64}), "stretched by 'yarn'"),
        ],
    )  # fmt: skip
    def test_what_is_not_written_here_is_told_before_anything_is_merged(self, config: Any, words: str) -> None:
        with pytest.raises(ModelError, match=words):
            check_architecture(config)

    def test_of_another_base_nothing_is_left(
        self, tiny_adapter_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(AutoConfig, "from_pretrained", lambda name: GPT2Config())
        with pytest.raises(ModelError, match="this one is gpt2"):
            merge(arguments("--adapter", tiny_adapter_dir, "--out", tmp_path / "out", "--gguf"))
        assert not (tmp_path / "out").exists()

    def test_an_adapter_alone_is_no_model(self, tiny_adapter_dir: Path, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match="--gguf writes a merged model"):
            merge(arguments("--adapter", tiny_adapter_dir, "--out", tmp_path / "out", "--what", "adapter", "--gguf"))

    def test_weights_out_of_the_range_of_f16(self, model: Path, tmp_path: Path) -> None:
        large = LlamaForCausalLM.from_pretrained(model)
        with torch.no_grad():
            large.model.layers[0].mlp.up_proj.weight[0, 0] = 1e5
        large.save_pretrained(tmp_path)
        AutoTokenizer.from_pretrained(model).save_pretrained(tmp_path)
        with pytest.raises(ModelError, match=r"up_proj\.weight is out of f16's range\. Write --gguf bf16"):
            write_gguf(tmp_path, tmp_path / "model.gguf", kind="f16")

    def test_a_weight_that_gguf_has_no_place_for(self, model: Path, tmp_path: Path) -> None:
        from safetensors.torch import load_file, save_file

        for file in model.iterdir():
            (tmp_path / file.name).write_bytes(file.read_bytes())
        save_file(
            load_file(model / "model.safetensors") | {"extra.weight": torch.zeros(2)}, tmp_path / "model.safetensors"
        )
        with pytest.raises(ModelError, match=r"no place for the weight extra\.weight"):
            write_gguf(tmp_path, tmp_path / "model.gguf")
