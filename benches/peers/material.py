"""What both sides are given: a Llama of 25 million seeded random weights in Hugging Face's layout with a small tokenizer,
a multiple-choice task, sets of prompts, prompts to continue, sequences to train on. All text is written here.

Run inside the peers' environment: python material.py FOLDER SIZES-AS-JSON
"""

import json
import random
import sys
from pathlib import Path

CONFIG = {
    "hidden_size": 512,
    "intermediate_size": 1408,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "vocab_size": 2048,
    "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-5,
    "tie_word_embeddings": True,
    # Wide enough that likeliest tokens stand out; the usual 0.02 makes nearly all of them tie.
    "initializer_range": 0.05,
}
END = "<|end|>"

TASK = """task: peers_choice
dataset_path: json
dataset_kwargs:
  data_files: {test: peers_choice.jsonl}
test_split: test
output_type: multiple_choice
doc_to_text: "{{report}}\\n\\nQuestion: {{question}}\\nAnswer:"
doc_to_choice: "{{choices}}"
doc_to_target: answer
metric_list:
  - metric: acc
    aggregation: mean
    higher_is_better: true
metadata:
  version: 1.0
"""

ONSETS = "b br d dr f fl g gl h k kr l m n p pl r s sk st t tr v w".split()
VOWELS = "a e i o u ai ea ou".split()
CODAS = ["", "", "l", "n", "r", "s", "th", "nd", "rk"]
WARES = "barley rope lamps wool salt copper paper honey nails flour cloth oil chalk timber seeds tin".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
SENTENCES = [
    "On {day} {person} sold {count} crates of {ware} to {other} at the market of {town}.",
    "{person} of {town} keeps {count} sacks of {ware} in the cellar and trusts nobody with the key.",
    "When the river rose, {person} and {other} carried {count} bundles of {ware} up to {town} by hand.",
    "The clerk wrote that {person} owes {other} {count} coins for {ware}, to be paid before {day}.",
    "{other} asked whether the {ware} from {town} was dry; {person} said that it was, and meant it.",
    "Nobody in {town} remembers a {day} on which {person} did not bring {ware}.",
]
QUESTIONS = [
    "Who of these was named last in the report?",
    "Which of these people trades in {ware}?",
    "Whom would you ask about the road to {town}?",
]
INTENTS = [
    "Tell me in one sentence what {person} sells in {town}.",
    "Explain to a child why {ware} must be kept dry.",
    "Name three things that a traveller needs between {town} and the river.",
    "Write a short note to {person} about {count} sacks of {ware}.",
    "Summarize the last market day of {town} for somebody who was not there.",
    "Give {other} some advice on the price of {ware}.",
]


def word(rng):
    syllables = (rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS) for _ in range(rng.choice([2, 2, 3])))
    return "".join(syllables).capitalize()


class Writer:
    """Seeded prose over a fixed set of names."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.people = [f"{word(self.rng)} {word(self.rng)}" for _ in range(240)]
        self.towns = [word(self.rng) for _ in range(120)]

    def fill(self, pattern):
        rng = self.rng
        person, other = rng.sample(self.people, 2)
        return pattern.format(
            person=person,
            other=other,
            town=rng.choice(self.towns),
            ware=rng.choice(WARES),
            day=rng.choice(DAYS),
            count=rng.randint(2, 96),
        )

    def sentence(self):
        return self.fill(self.rng.choice(SENTENCES))

    def prose(self, tokens, tokenizer):
        """Sentences of about so many tokens."""
        text = self.sentence()
        while len(tokenizer.encode(text).ids) < tokens:
            text += " " + self.sentence()
        return text


def train_tokenizer(writer):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=CONFIG["vocab_size"],
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((writer.sentence() for _ in range(6000)), trainer)
    if tokenizer.get_vocab_size() != CONFIG["vocab_size"]:
        raise SystemExit(f"the tokenizer has {tokenizer.get_vocab_size()} tokens instead of {CONFIG['vocab_size']}")
    return tokenizer


def write_model(folder, tokenizer, seed):
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    torch.manual_seed(seed)
    end = tokenizer.token_to_id(END)
    config = LlamaConfig(**CONFIG, bos_token_id=end, eos_token_id=end, pad_token_id=end)
    model = LlamaForCausalLM(config).to(torch.float32)
    model.save_pretrained(folder)
    named = {"bos_token": END, "eos_token": END, "pad_token": END}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named).save_pretrained(folder)


def questions(writer, tokenizer, count, context_tokens):
    rows = []
    for number in range(count):
        question = writer.fill(writer.rng.choice(QUESTIONS))
        rest = len(tokenizer.encode(f"\n\nQuestion: {question}\nAnswer:").ids)
        choices = writer.rng.sample(writer.people, 4)
        report = writer.prose(context_tokens - rest, tokenizer)
        rows.append({"report": report, "question": question, "choices": choices, "answer": number % 4})
    return rows


def wordings(writer, text, count):
    """The same request with other letters, spaces and openings."""
    ways = [
        lambda t: t,
        lambda t: t.lower(),
        lambda t: "Please " + t[0].lower() + t[1:],
        lambda t: t.replace(" ", "  ", 3),
        lambda t: t.rstrip(".") + "!",
        lambda t: t.replace("e", "ee", 1).replace("o", "", 1),
        lambda t: "Now: " + t,
        lambda t: t.upper(),
    ]
    return [f"You read the ledger of a market town.\n\nRequest: {way(text)}\nReply:" for way in ways[:count]]


def prompt_sets(writer, sets, prompts):
    return [wordings(writer, writer.fill(INTENTS[number % len(INTENTS)]), prompts) for number in range(sets)]


def exact_ids(writer, tokenizer, count, length):
    return [tokenizer.encode(writer.prose(length + 8, tokenizer)).ids[:length] for _ in range(count)]


def main():
    folder, sizes = Path(sys.argv[1]), json.loads(sys.argv[2])
    seed = sizes["seed"]
    writer = Writer(seed)
    tokenizer = train_tokenizer(writer)
    (folder / "tasks").mkdir(parents=True, exist_ok=True)
    write_model(folder / "model", tokenizer, seed)
    rows = questions(writer, tokenizer, sizes["questions"], sizes["context_tokens"])
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "tasks" / "peers_choice.jsonl").write_text(lines, encoding="utf-8")
    (folder / "tasks" / "peers_choice.yaml").write_text(TASK, encoding="utf-8")
    prompt_tokens = sizes["train_tokens"] // 4
    sequences = exact_ids(writer, tokenizer, sizes["train_sequences"], sizes["train_tokens"])
    given = {
        "sizes": sizes,
        "sets": prompt_sets(writer, sizes["sets"], sizes["prompts"]),
        "prompts": exact_ids(writer, tokenizer, sizes["generation_prompts"], sizes["prompt_tokens"]),
        "sequences": [{"ids": ids, "prompt_tokens": prompt_tokens} for ids in sequences],
    }
    # Last: where it is, all else is.
    (folder / "material.json").write_text(json.dumps(given), encoding="utf-8")


if __name__ == "__main__":
    main()
