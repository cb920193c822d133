"""(instruction, current page or none) -> prompt text -> token ids. Training and serving both come through here.

A format is a pure function. Text of users and pages is data: a format breaks up its own control strings in it by a
space after their first character (`[INST]` becomes `[ INST]`), which still reads the same but no longer delimits. The
tokenizer's special tokens are left in the text, since `<s>` is HTML's strike-through tag, and are encoded as the
characters they are made of: only `prompt_ids` and `answer_ids` put a control id into a sequence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from htmlgen.errors import ModelError, SettingsError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PromptFormat = Callable[[str, str | None], str]

SYSTEM = (
    "You write web pages. Answer with one complete HTML document, its styles and scripts inside it, and nothing else."
)
"""What `codellama-instruct` has in its system block. Adapters are trained with it, so a change makes them worse."""

SIDECAR = "htmlgen.json"
"""File beside an adapter's or a merged model's weights that names the prompt format it was trained with."""


def codellama_instruct(instruction: str, page: str | None = None) -> str:
    """The single-turn template of Code Llama - Instruct; its answer follows after a space, then EOS.

    Source: `chat_completion` in llama/generation.py of github.com/meta-llama/codellama.
    """
    body = _break_up(instruction, "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>")
    if page is not None:
        body += "\n\nCurrent page:\n" + _break_up(page, "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>")
    content = f"<<SYS>>\n{SYSTEM}\n<</SYS>>\n\n{body}"
    return f"[INST] {content.strip()} [/INST]"


def alpaca(instruction: str, page: str | None = None) -> str:
    """Instruction, input where there is a page, and response.

    Source: `PROMPT_DICT` in train.py of github.com/tatsu-lab/stanford_alpaca.
    """
    headers = ("### Instruction:", "### Input:", "### Response:")
    instruction = _break_up(instruction, *headers)
    if page is None:
        return (
            "Below is an instruction that describes a task. Write a response that appropriately completes the request."
            f"\n\n### Instruction:\n{instruction}\n\n### Response:"
        )
    return (
        "Below is an instruction that describes a task, paired with an input that provides further context. "
        "Write a response that appropriately completes the request."
        f"\n\n### Instruction:\n{instruction}\n\n### Input:\n{_break_up(page, *headers)}\n\n### Response:"
    )


def plain(instruction: str, page: str | None = None) -> str:
    """The words alone, for base models: the instruction, the page, a blank line. There is nothing to break up."""
    return "".join(f"{part}\n\n" for part in (instruction, page) if part is not None)


FORMATS: dict[str, PromptFormat] = {"codellama-instruct": codellama_instruct, "alpaca": alpaca, "plain": plain}


def format_prompt(name: str, instruction: str, page: str | None = None) -> str:
    """The prompt text in the format of that name.

    Raises:
        SettingsError: there is no such format.
    """
    if name not in FORMATS:
        raise SettingsError(
            f"There is no prompt format {name!r}. Set HTMLGEN_PROMPT_FORMAT to one of: {', '.join(FORMATS)}."
        )
    return FORMATS[name](instruction, page)


def prompt_ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Ids of a whole prompt: BOS, if the tokenizer has one, then the text."""
    return prompts_ids(tokenizer, [text])[0]


def prompts_ids(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[list[int]]:
    """`prompt_ids` of each, on all cores."""
    bos = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    return [bos + ids for ids in _texts_ids(tokenizer, texts)]


def answer_ids(tokenizer: PreTrainedTokenizerBase, text: str, *, complete: bool = True) -> list[int]:
    """Ids of an answer, to be put right after those of its prompt; EOS last if it is `complete`.

    Raises:
        ModelError: the tokenizer has no EOS, so that a model could never learn to end.
    """
    if not complete:
        return _texts_ids(tokenizer, [text])[0] if text else []
    return answers_ids(tokenizer, [text])[0]


def answers_ids(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[list[int]]:
    """`answer_ids` of each, on all cores.

    An answer is tokenised apart from its prompt in training and when a cut page is continued (`complete=False`), so
    that the boundary looks the same to the model in both, the dummy space of SentencePiece tokenizers included.

    Raises:
        ModelError: the tokenizer has no EOS, so that a model could never learn to end.
    """
    if tokenizer.eos_token_id is None:
        raise ModelError(
            f"The tokenizer of {tokenizer.name_or_path} has no end-of-sequence token. Set eos_token in its tokenizer_config.json."
        )
    return [[*ids, tokenizer.eos_token_id] for ids in _texts_ids(tokenizer, texts)]


def read_prompt_format(folder: str | Path) -> str | None:
    """The format's name saved in `folder`, or None where nothing was saved.

    Raises:
        ModelError: the file is there but cannot be read.
    """
    path = Path(folder) / SIDECAR
    if not path.is_file():
        return None
    try:
        name = json.loads(path.read_text("utf-8"))["prompt_format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} does not hold a prompt_format. Mend it or delete it.") from error
    if name not in FORMATS:
        raise ModelError(f"{path} names the prompt format {name!r}, which is none of {', '.join(FORMATS)}. Mend it.")
    return str(name)


def write_prompt_format(folder: str | Path, name: str, base: str) -> None:
    """Saves the format's name, and what it was trained on, beside the weights in `folder`."""
    text = json.dumps({"prompt_format": name, "base": base}, indent=2) + "\n"
    (Path(folder) / SIDECAR).write_text(text, "utf-8")


def _break_up(text: str, *controls: str) -> str:
    pattern = "|".join(re.escape(control) for control in controls)
    return re.sub(pattern, lambda match: f"{match[0][0]} {match[0][1:]}", text)


_known_controls: WeakKeyDictionary[PreTrainedTokenizerBase, dict[int, str]] = WeakKeyDictionary()
"""Found once: with hundreds of added tokens that takes longer than to tokenise a page."""


def _controls(tokenizer: PreTrainedTokenizerBase) -> dict[int, str]:
    """Control tokens by id, those included that are not marked as such."""
    if tokenizer not in _known_controls:
        _known_controls[tokenizer] = {
            id: token.content
            for id, token in tokenizer.added_tokens_decoder.items()
            if (token.special or re.fullmatch(r"<\|.+\|>", token.content))
            and id != tokenizer.unk_token_id
            and len(token.content) > 1
        }
    return _known_controls[tokenizer]


def _texts_ids(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[list[int]]:
    """Ids of texts as text, never a control id."""
    if not texts:
        return []
    found: list[list[int]] = tokenizer(list(texts), add_special_tokens=False, split_special_tokens=True)["input_ids"]
    controls = _controls(tokenizer)
    return [
        ids if controls.keys().isdisjoint(ids) else _spelt_out(tokenizer, text, controls)
        for text, ids in zip(texts, found, strict=True)
    ]


def _spelt_out(tokenizer: PreTrainedTokenizerBase, text: str, controls: dict[int, str]) -> list[int]:
    """Ids of a text that would have become a control id.

    Not parsing special tokens is not enough against that: a vocabulary made from SentencePiece can merge `</` and `s>` into
    EOS itself, and tokens such as `<|fim_prefix|>` are not always marked special.
    """
    # The backend's stages one by one do not match added tokens, and take a word in two, so that no merge spans the cut.
    backend = tokenizer.backend_tokenizer
    if backend.normalizer is not None:
        text = backend.normalizer.normalize_str(text)
    words = [text]
    if backend.pre_tokenizer is not None:
        words = [word for word, _ in backend.pre_tokenizer.pre_tokenize_str(text)]
    cut = re.compile("|".join(f"(?<={re.escape(c[0])})(?={re.escape(c[1:])})" for c in controls.values()))
    ids = [token.id for word in words for part in cut.split(word) if part for token in backend.model.tokenize(part)]
    assert controls.keys().isdisjoint(ids), "a control id came out of plain text"
    return ids
