"""The chunked loss equals the plain one, gradients included, and never makes the logits of masked positions."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from peft import LoraConfig, PrefixTuningConfig, PromptTuningConfig, TaskType, get_peft_model
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from train.loss import SummedLoss, without_head
from train.tokens import IGNORE_INDEX


def batch(vocab: int = 300, seed: int = 0) -> dict[str, torch.Tensor]:
    """Two rows, the second of them padded, prompts masked."""
    generator = torch.Generator().manual_seed(seed)
    input_ids = torch.randint(0, vocab, (2, 24), generator=generator)
    labels = input_ids.clone()
    labels[:, :9] = IGNORE_INDEX
    labels[1, 17:] = IGNORE_INDEX
    attention_mask = torch.ones_like(input_ids)
    attention_mask[1, 17:] = 0
    return {"input_ids": input_ids, "labels": labels, "attention_mask": attention_mask}


def plain_loss(model: Any, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    logits = model(**{k: v for k, v in inputs.items() if k != "labels"}).logits[:, -24:]
    return F.cross_entropy(
        logits[:, :-1].flatten(0, 1).float(), inputs["labels"][:, 1:].flatten(), ignore_index=-100, reduction="sum"
    )


def adapters() -> dict[str, Any]:
    causal = TaskType.CAUSAL_LM
    return {
        "bare": None,
        "lora": LoraConfig(r=4, target_modules="all-linear", task_type=causal),
        "lora on the head": LoraConfig(r=4, target_modules=["q_proj", "lm_head"], task_type=causal),
        "trained head": LoraConfig(r=4, target_modules=["q_proj"], modules_to_save=["lm_head"], task_type=causal),
        "prefix": PrefixTuningConfig(num_virtual_tokens=5, task_type=causal),
        "prompt": PromptTuningConfig(num_virtual_tokens=5, task_type=causal),
    }


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("name", list(adapters()))
def test_equals_the_plain_loss_and_its_gradients(name: str, tied: bool, tiny_llama_dir: Path) -> None:
    if tied and name in ("lora on the head", "trained head"):
        pytest.skip("an adapter on a tied head unties it")
    torch.manual_seed(0)
    model: Any = AutoModelForCausalLM.from_pretrained(tiny_llama_dir, tie_word_embeddings=tied).float()
    if (config := adapters()[name]) is not None:
        model = get_peft_model(model, config)
    trained = [p for p in model.parameters() if p.requires_grad]
    for parameter in trained:
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    inputs = batch()
    expected = plain_loss(model, inputs)
    expected_grads = torch.autograd.grad(expected, trained)
    # 7 tokens a chunk: 22 labels make a last chunk that is not full.
    loss = SummedLoss(model, chunk_bytes=4 * 512 * 7)(inputs)
    grads = torch.autograd.grad(loss, trained)
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-5)
    for grad, expected_grad in zip(grads, expected_grads, strict=True):
        torch.testing.assert_close(grad, expected_grad, rtol=1e-5, atol=1e-5)


def test_only_label_positions_reach_the_head_and_in_chunks(tiny_llama_dir: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_llama_dir)
    model.lm_head = torch.nn.Sequential(model.lm_head)  # a head that is no plain Linear: the general way
    seen: list[int] = []
    model.lm_head.register_forward_hook(lambda module, args, output: seen.append(output.shape[0]))
    with torch.no_grad():
        SummedLoss(model, chunk_bytes=4 * (1 << 15) * 10)(batch())
    assert seen == [10, 10, 3]  # 15 + 8 labels of 48 positions


def test_peak_memory_is_that_of_one_chunk() -> None:
    vocabulary, tokens = 50_000, 600
    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=8, intermediate_size=8, num_hidden_layers=1,
        num_attention_heads=1, num_key_value_heads=1,
    )  # fmt: skip
    model = get_peft_model(LlamaForCausalLM(config), LoraConfig(target_modules="all-linear"))
    input_ids = torch.randint(0, vocabulary, (1, tokens))
    sizes: list[int] = []

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            out = func(*args, **(kwargs or {}))
            if isinstance(out, torch.Tensor):
                sizes.append(out.numel() * out.element_size())
            return out

    chunk_bytes = 4 * vocabulary * 50
    with Watch():
        SummedLoss(model, chunk_bytes)({"input_ids": input_ids, "labels": input_ids}).backward()
    assert max(sizes) <= chunk_bytes < 4 * vocabulary * tokens / 10


def test_without_any_label_the_loss_is_zero_and_has_gradients(tiny_llama_dir: Path) -> None:
    """A process with nothing left to do in a step still takes part in its backward pass."""
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(tiny_llama_dir), LoraConfig(target_modules="all-linear")
    )
    inputs = batch()
    inputs["labels"] = torch.full_like(inputs["labels"], IGNORE_INDEX)
    loss = SummedLoss(model)(inputs)
    loss.backward()
    assert loss.item() == 0
    grads = [p.grad for p in model.parameters() if p.requires_grad]
    assert all(grad is not None and not grad.any() for grad in grads)


def test_the_head_is_back_even_after_a_failure(tiny_llama_dir: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_llama_dir)
    head = model.lm_head
    with pytest.raises(RuntimeError, match="broken"), without_head(model):
        raise RuntimeError("broken")
    assert model.lm_head is head


def test_bf16_autocast_stays_near_fp32(tiny_llama_dir: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_llama_dir).float()
    exact = SummedLoss(model)(batch())
    with torch.autocast("cpu", torch.bfloat16):
        rounded = SummedLoss(model)(batch())
    assert rounded.dtype == torch.float32
    torch.testing.assert_close(rounded, exact, rtol=1e-2, atol=0)


def test_an_architecture_that_changes_its_logits_is_noticed() -> None:
    from transformers import Gemma2Config, Gemma2ForCausalLM

    sizes = {"vocab_size": 512, "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "head_dim": 16}
    model = Gemma2ForCausalLM(
        Gemma2Config(**sizes, num_attention_heads=2, num_key_value_heads=2, final_logit_softcapping=0.5)
    )
    torch.nn.init.normal_(model.model.embed_tokens.weight)
    loss = SummedLoss(model)
    assert not loss.agrees(batch())
    loss.chunked = False
    torch.testing.assert_close(loss(batch()), plain_loss(model, batch()))


def test_a_plain_architecture_agrees(tiny_llama_dir: Path) -> None:
    assert SummedLoss(AutoModelForCausalLM.from_pretrained(tiny_llama_dir)).agrees(batch())
