"""Pages written by the adapter while it is trained, so that a person sees what the loss does not tell."""

import torch

from htmlgen.extract import HtmlExtractor
from htmlgen.prompt import format_prompt, prompt_ids
from train.parallel import gathered
from train.run import RunFolder
from train.session import Session

SAMPLES = 2
MAX_NEW_TOKENS = 1024


@torch.no_grad()
def write_samples(session: Session, folder: RunFolder, step: int) -> None:
    """Writes a page for each of the first prompts, greedily. Sharded processes must all call it; else the main one writes."""
    if session.accelerator.is_main_process or session.sharded:
        for number, record in enumerate(session.prompts[:SAMPLES], 1):
            prompt = format_prompt(session.prompt_format, record.instruction, record.input)
            text = generate(session, prompt)
            if text is not None and session.accelerator.is_main_process:
                extractor = HtmlExtractor()
                page = extractor.feed(text) + extractor.close()
                folder.write_sample(step, number, prompt, text, page)
    session.accelerator.wait_for_everyone()


def generate(session: Session, prompt: str) -> str | None:
    """What the adapter answers, at most MAX_NEW_TOKENS; None if the prompt fills the context. Random states stay as they are."""
    tokenizer, device = session.tokenizer, session.precision.device
    ids = prompt_ids(tokenizer, prompt)
    room = min(MAX_NEW_TOKENS, (session.context or len(ids) + MAX_NEW_TOKENS) - len(ids))
    if room < 1:
        return None
    input_ids = torch.tensor([ids], device=device)
    session.loss.eval()
    try:
        with session.precision.autocast(), gathered(session.loss):
            output = session.model.generate(
                input_ids=input_ids,
                attention_mask=torch.ones_like(input_ids),
                do_sample=False,
                max_new_tokens=room,
                use_cache=True,
                pad_token_id=session.pad_id,
                eos_token_id=tokenizer.eos_token_id,
            )
    finally:
        session.loss.train()
    return str(tokenizer.decode(output[0, len(ids) :], skip_special_tokens=True))
