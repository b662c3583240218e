import pytest

from llm2clip_export.prompts import PROMPTS, SEPARATOR, prompt_name

HEADER = "<|start_header_id|>user<|end_header_id|>\n\n"


@pytest.mark.parametrize(
    "text, seen, pooled",
    [
        ("a dog", f"{HEADER}a dog<|eot_id|>", "a dog<|eot_id|>"),
        ("", f"{HEADER}<|eot_id|>", "<|eot_id|>"),
        ("  foo \n\u3000", f"{HEADER}  foo<|eot_id|>", "  foo<|eot_id|>"),
        (f"a{SEPARATOR}b", f"{HEADER}ab<|eot_id|>", "a"),
        (SEPARATOR, f"{HEADER}<|eot_id|>", ""),
    ],
)
def test_llama3_puts_a_header_before_and_an_eot_behind(text, seen, pooled):
    assert PROMPTS["llama3"].split(text) == (seen, pooled)


def test_no_template_does_not_strip():
    assert PROMPTS["none"].split(" a ") == (" a ", " a ")


@pytest.mark.parametrize(
    "names, expected",
    [
        (["microsoft/LLM2CLIP-Llama-3-8B-Instruct-CC-Finetuned"], "llama3"),
        (["LLM2CLIP-Llama-3-2-1B-Instruct-CC-Finetuned"], "llama3"),
        (["meta-llama/Meta-Llama-3-8B-Instruct"], "llama3"),
        (["meta-llama/Meta-Llama-3-8B"], None),
        (["", "checkpoint", "meta-llama/Llama-2-7b-chat-hf"], "llama2"),
        (["mistralai/Mistral-7B-Instruct-v0.2"], "mistral"),
        (["mistralai/Mistral-7B-Instruct-v0.3"], None),
        (["google/gemma-2-9b-it"], "gemma2"),
        (["Qwen/Qwen2-7B-Instruct"], "qwen2"),
        (["microsoft/Phi-3.5-mini-instruct"], "phi3"),
    ],
)
def test_the_name_decides(names, expected):
    assert prompt_name(names) == expected
