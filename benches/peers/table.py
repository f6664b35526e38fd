"""From both sides' answers to the table of ratios."""

from statistics import median

# Products (rows, inputs) x (inputs, outputs) of one layer at 512 rows: query, key and value; output; gate and up; down.
LAYER_SHAPES = [[512, 512, 1024], [512, 512, 512], [512, 512, 2816], [512, 1408, 512]]
SQUARE = [1024, 1024, 1024]
LAYERS, HIDDEN, VOCABULARY, KEY_VALUE_WIDTH = 8, 512, 2048, 2 * 256
TARGETS = {"choices": 3.5, "posix": 10.0, "generate": 3.0, "train": 1.0}
AIMS = {"train": 1.2}
GEMM_SHARE = 0.75
START_SECONDS = 1.0
SPARE_BYTES = 300e6


def report(answers, sizes, checks, machine, weight_bytes, packages):
    rows = [make(answers, sizes, weight_bytes) for key, make in ROWS if key in answers]
    rows = [row for some in rows for row in (some if isinstance(some, list) else [some])]
    for row in rows:
        if row["work"] in checks:
            row["answers"] = checks[row["work"]]
    return {"machine": machine, "packages": packages, "sizes": sizes, "weight_bytes": weight_bytes, "rows": rows}


def compared(work, title, pairs, amount, unit, key="time", target=None):
    """A row of both sides' speeds. `amount` of None: seconds are shown, else units a second."""
    ours, theirs = ([one[key]["seconds"] for one in side] for side in zip(*pairs, strict=True))
    busy = [b[key]["processor_seconds"] / max(a[key]["processor_seconds"], 0.01) for a, b in pairs]
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    speed = lambda seconds: median(seconds) if amount is None else amount / median(seconds)  # noqa: E731
    return {
        "work": work,
        "title": title,
        "unit": unit,
        "ours": speed(ours),
        "peer": speed(theirs),
        "ratio": median(ratios),
        "ratio_range": [min(ratios), max(ratios)],
        "processor_ratio": median(busy),
        "target": None if target is None else f"at least {target:g} times as fast",
        "met": None if target is None else median(ratios) >= target,
        "ours_seconds": ours,
        "peer_seconds": theirs,
    }


def own(work, title, unit, value, target, met, **more):
    """A row without a peer's speed."""
    return {"work": work, "title": title, "unit": unit, "ours": value, "target": target, "met": met, **more}


def choices(answers, sizes, _):
    pairs, count = answers["choices"], sizes["questions"]
    title = "multiple choice, model loaded (lm_eval)"
    whole = compared("choices", title, pairs, count, "questions/s", target=TARGETS["choices"])
    return [whole, compared("choices, model alone", "the same, the model's part", pairs, count, "questions/s", "model_time")]


def posix(answers, *_):
    title = "POSIX (prompt-sensitivity-index)"
    return compared("posix", title, answers["posix"], None, "s", target=TARGETS["posix"])


def generate(answers, sizes, _):
    count = sizes["generation_prompts"] * sizes["new_tokens"]
    guessed = median(ours["right"] for ours, _ in answers["generate"])
    title = f"greedy generation (transformers); {100 * guessed / count:.0f} % of the tokens guessed by lookup"
    whole = compared("generate", title, answers["generate"], count, "tokens/s", target=TARGETS["generate"])
    title = "the same, one token a pass"
    return [whole, compared("stepwise", title, answers["stepwise"], count, "tokens/s")]


def train(answers, sizes, _):
    count = sizes["train_sequences"] * sizes["train_tokens"]
    row = compared("train", "WIT step (PyTorch)", answers["train"], count, "tokens/s", target=TARGETS["train"])
    row["target"] += f", aim {AIMS['train']:g}"
    return row


def operations(shapes):
    return sum(2 * rows * inputs * outputs for rows, inputs, outputs in shapes)


def rates(one, key):
    """GFLOP/s of all products of a layer, and of the square one."""
    layer = operations(LAYER_SHAPES) / sum(one[key][: len(LAYER_SHAPES)]) / 1e9
    return layer, operations([SQUARE]) / one[key][-1] / 1e9


def gemm(answers, *_):
    ours, theirs = zip(*answers["gemm"], strict=True)
    median_rates = lambda runs, key: [median(found) for found in zip(*(rates(one, key) for one in runs), strict=True)]  # noqa: E731
    (own_layer, own_square), (library_layer, library_square) = median_rates(ours, "own"), median_rates(ours, "library")
    peer_layer, peer_square = median_rates(theirs, "own")
    title = "f32 products of a layer, 512 rows (PyTorch)"
    row = own("gemm", title, "GFLOP/s", own_layer, None, None, peer=peer_layer, ratio=own_layer / peer_layer)
    row["square"] = {"ours": own_square, "candle": library_square, "peer": peer_square}
    row["candle"] = library_layer
    return [row, *scoring(answers["scoring"])]


def scoring(pairs):
    """Operations of products with weights only; attention, norms and the rest count as time, not as work. Every token that is
    computed counts as a whole pass; then again without what is left out of the last layer, where, behind keys and values, only
    tokens whose prediction is asked are computed."""
    of_layer = [2 * inputs * outputs for _, inputs, outputs in LAYER_SHAPES]
    left_out, head = sum(of_layer[1:]), 2 * HIDDEN * VOCABULARY

    def rates_of(one, whole):
        # The first tokens of all choices are predicted by one row, the context's last.
        asked = one["continuation_tokens"] - sum(len(choices) - 1 for choices in one["questions"])
        tokens = one["computed_tokens"]
        done = tokens * LAYERS * sum(of_layer) + asked * head - (0 if whole else (tokens - asked) * left_out)
        return done / one["model_time"]["seconds"] / 1e9

    def row(work, title, whole):
        measured = [(rates_of(one, whole), best(*products)) for one, products in pairs]
        shares = [100 * rate / machine for rate, machine in measured]
        rate, machine = (median(column) for column in zip(*measured, strict=True))
        title += f" (medians: {rate:.0f} and {machine:.0f} GFLOP/s)"
        target = f"at least {100 * GEMM_SHARE:.0f} %" if whole else None
        met = median(shares) >= 100 * GEMM_SHARE if whole else None
        return own(work, title, "%", median(shares), target, met, shares=shares, share_range=[min(shares), max(shares)])

    best = lambda ours, peer: max(*rates(ours, "own"), *rates(ours, "library"), *rates(peer, "own"))  # noqa: E731
    title = "scoring beside the machine's GEMM rate, each token a whole pass"
    return [row("scoring", title, True), row("scoring, strictly", "the same, only products that are computed", False)]


def process(answers, sizes, weight_bytes):
    whole = compared("process", "multiple choice, whole process", answers["process"], None, "s")
    start = compared("start", "from nothing to one question's result", answers["start"], None, "s")
    start["target"], start["met"] = f"ours under {START_SECONDS:g} s", start["ours"] < START_SECONDS
    ours, theirs = (median(one["peak_bytes"] for one in side) for side in zip(*answers["process"], strict=True))
    # Keys and values of one question: what scoring cannot do without.
    kept = (sizes["context_tokens"] + 16) * LAYERS * KEY_VALUE_WIDTH * 4
    bound = weight_bytes + kept + SPARE_BYTES
    target = f"ours at most {bound / 1e6:.0f} MB (weights, one question's keys and values, 300 MB)"
    memory = own("memory", "peak memory in scoring", "MB", ours / 1e6, target, ours <= bound, peer=theirs / 1e6)
    return [whole, start, {**memory, "ratio": theirs / ours}]


def bfloat16(answers, sizes, _):
    title = "multiple choice in bfloat16, model loaded (lm_eval)"
    return compared("bfloat16", title, answers["bfloat16"], sizes["questions"], "questions/s")


ROWS = [
    ("choices", choices),
    ("posix", posix),
    ("generate", generate),
    ("train", train),
    ("gemm", gemm),
    ("process", process),
    ("bfloat16", bfloat16),
]


def number(value):
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def line(row):
    peer = f"{number(row['peer'])}" if "peer" in row else ""
    spread = row.get("ratio_range") or row.get("share_range")
    spread = "{} to {}".format(*map(number, spread)) if spread else ""
    ratio = f"{row['ratio']:.2f}" if "ratio" in row else ""
    busy = f"{row['processor_ratio']:.2f}" if "processor_ratio" in row else ""
    met = {None: "", True: "yes", False: "**no**"}[row["met"]]
    answers = row.get("answers")
    words = "" if answers is None else answers["words"] if answers["agrees"] else f"**differ**: {answers['words']}"
    cells = [row["title"], row["unit"], number(row["ours"]), peer, ratio, spread, busy, row["target"] or "", met, words]
    return "| " + " | ".join(cells) + " |"


def markdown(report):
    machine, sizes = report["machine"], report["sizes"]
    further = "".join(f", {flag}" for flag in machine["further_instructions"])
    names = ", ".join(f"{name} {version}" for name, version in report["packages"].items())
    runs = max((len(row["ours_seconds"]) for row in report["rows"] if "ours_seconds" in row), default=0)
    heads = ["work", "unit", "ours", "peer", "ratio", "spread", "processor time", "target", "met", "answers"]
    lines = [
        f"# Beside the peers: {machine['class']}",
        "",
        f"{machine['date']}. {machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['instructions']}{further};"
        f" {machine['threads']} threads on both sides; {100 * machine['busy']:.0f} % of the"
        f" processors busy before the start. Python"
        f" {machine['python']}: {names}.",
        "",
        "`python3 benches/peers/run.py` makes this table; docs/speed.md says what is measured and how. Medians of"
        f" {runs} alternating runs. Ratio: how many times as fast ours is (for memory: how many times less); spread: its"
        " lowest and highest; processor time: the same ratio of processor seconds.",
        "",
        "| " + " | ".join(heads) + " |",
        "| --- | --- | ---: | ---: | ---: | --- | ---: | --- | --- | --- |",
        *map(line, report["rows"]),
        "",
        f"A Llama of 25 million seeded random weights in f32. {sizes['questions']} questions of {sizes['context_tokens']}"
        f" tokens with 4 choices (lm_eval: batch 16); POSIX over {sizes['sets']} sets of {sizes['prompts']} prompts,"
        f" {sizes['posix_tokens']} new tokens; generation: {sizes['generation_prompts']} prompts of"
        f" {sizes['prompt_tokens']} tokens, {sizes['new_tokens']} new; training: {sizes['train_sequences']} sequences of"
        f" {sizes['train_tokens']} tokens, AdamW, clipping.",
        "",
    ]
    return "\n".join(lines)
