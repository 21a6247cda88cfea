"""The card reader against PyYAML, which the hub's client brings along in tests."""

import pytest
import yaml
from huggingface_hub import ModelCardData

from fluxlora_desktop.practice.huggingface.card import CardError, read_card


@pytest.mark.parametrize(
    "prompt",
    [
        "TOK at dawn",
        "TOK: a fox",
        'it\'s "quoted"',
        "'\n\n",
        "# no comment",
        "two\nlines",
        "[x, {y}]",
        "- dash",
        "tab\there",
        "füchslein 🦊",
        "null",
        "12",
    ],
)
def test_a_card_written_by_the_client_is_read_as_yaml_reads_it(prompt):
    widget = [{"text": prompt, "output": {"url": "images/1.png"}}]
    data = ModelCardData(instance_prompt=prompt, tags=["lora", prompt], widget=widget)
    text = data.to_yaml()

    card = read_card(f"---\n{text}\n---\nbody")

    assert card.data == yaml.safe_load(text)
    assert card.body == "body"


@pytest.mark.parametrize(
    "text",
    [
        "a: b: c",
        "a: 'x",
        "a: [1, 2",
        "a:\n\t- b",
        "a: 1\na: 2",
        "a: @x",
        "a:\n  b: 1\n c: 2",
        "- a",
    ],
)
def test_metadata_that_the_hub_would_refuse_is_refused(text):
    with pytest.raises(CardError):
        read_card(f"---\n{text}\n---\n")
