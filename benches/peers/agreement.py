"""Whether both sides answered the same."""

LOG_PROB_NATS = 1e-4  # a token
POSIX_NATS = 1e-3
TRAINING = 1e-4  # relative, from equal weights
# Later steps start from weights that differ already: AdamW's first updates are the signs of gradients, those near 0 too.
LATER_STEPS = 1e-3
NEAR_TIE_NATS = 1e-3


def check(answers, warm, asked, peer):
    """One entry a work that was done: what was compared, the largest difference, and whether that is within bounds."""
    checks = {}
    if "choices" in answers:
        checks["choices"] = choices(answers["choices"])
    if "posix" in answers:
        checks["posix"] = posix(answers["posix"])
    for work in {"generate", "stepwise"} & set(answers):
        checks[work] = generate(answers[work], asked["prompts"], peer)
    if "train" in answers:
        checks["train"] = train(warm["train"], answers["train"])
    if "process" in answers:
        scores = {one["score"] for pair in answers["process"] for one in pair}
        agrees = max(scores) - min(scores) < 1e-9
        checks["process"] = {"agrees": agrees, "words": "same score" if agrees else f"scores {sorted(scores)}"}
    return checks


def choices(pairs):
    worst, other, greedy = 0.0, 0, 0
    for ours, theirs in pairs:
        for mine, yours in zip(ours["questions"], theirs["questions"], strict=True):
            likeliest = lambda found: max(range(len(found)), key=lambda at: found[at][0])  # noqa: E731
            other += likeliest(mine) != likeliest(yours)
            for (own, own_greedy, tokens), (their, their_greedy) in zip(mine, yours, strict=True):
                worst = max(worst, abs(own - their) / tokens)
                greedy += bool(own_greedy) != bool(their_greedy)
    agrees = worst <= LOG_PROB_NATS and other == 0 and greedy == 0
    words = f"log-probabilities within {worst:.0e} nats a token, {other or 'no'} choices differ"
    return {"agrees": agrees, "largest_nats": worst, "choices_that_differ": other, "words": words}


def posix(pairs):
    worst = max(abs(ours["posix"] - theirs["posix"]) for ours, theirs in pairs)
    sets = max(
        abs(a - b) for ours, theirs in pairs for a, b in zip(ours["sensitivities"], theirs["sensitivities"], strict=True)
    )
    words = f"index within {worst:.0e} nats, each set within {sets:.0e}"
    return {"agrees": sets <= POSIX_NATS, "largest_nats": sets, "words": words}


def generate(pairs, prompts, peer):
    """Equal ids, or a first difference where the two likeliest tokens nearly tie."""
    margins = []
    for ours, theirs in pairs:
        for prompt, mine, yours in zip(prompts, ours["ids"], theirs["ids"], strict=True):
            if mine != yours:
                places = zip(mine, yours, strict=False)
                at = next((n for n, (a, b) in enumerate(places) if a != b), min(len(mine), len(yours)))
                margins.append(peer.ask("margin", ids=prompt + mine[:at])["margin"])
    if not margins:
        return {"agrees": True, "words": "same tokens"}
    agrees = max(margins) <= NEAR_TIE_NATS
    words = f"{len(margins)} texts part where the two likeliest tokens are within {max(margins):.0e} nats"
    return {"agrees": agrees, "largest_margin_nats": max(margins), "words": words}


def train(first, pairs):
    def apart(steps):
        keys = ("loss", "gradient_norm")
        return [max(abs(ours[key] - theirs[key]) / abs(theirs[key]) for ours, theirs in steps) for key in keys]

    (loss, norm), later = apart([first]), max(apart(pairs))
    words = f"first step: loss within {loss:.0e}, gradient norm within {norm:.0e}; later steps within {later:.0e} (relative)"
    agrees = max(loss, norm) <= TRAINING and later <= LATER_STEPS
    return {"agrees": agrees, "loss": loss, "gradient_norm": norm, "later_steps": later, "words": words}
