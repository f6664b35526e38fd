"""Runs lm_eval and wit-eval on one checkpoint, the same task files and data, and compares what both wrote.

Needs Python 3.10 or newer; see README.md. Exit codes: 0 equal, 1 a difference, 2 could not run.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TASKS = "parity_choices,parity_counting,parity_last_word,parity_pages,parity_instructions"
INSTRUCTIONS = "parity_instructions"

# What one program knows and the other does not (docs/lm_eval.md); compared by presence only.
UNLIKE = {
    "config.model", "config.model_revision", "config.model_sha", "config.model_args.dtype",
    "config.model_args.add_bos_token", "config.batch_size",
    "config.device", "config.numpy_seed", "config.torch_seed", "config.random_seed", "git_hash", "date",
    "pretty_env_info", "transformers_version", "lm_eval_version", "upper_git_hash", "model_source",
    "tokenizer_pad_token", "total_evaluation_time_seconds",
}
# Keys of a task's settings that name the model, the file or Python code.
UNLIKE_SETTINGS = {"pretrained", "dtype", "add_bos_token", "config_source", "process_results"}
NATS = 1e-4  # of a log-probability
NATS_A_WORD = 1e-5  # more, of a whole text: lm_eval adds up its tokens in single precision
SHARE = 1e-9  # of a metric that is a share
DERIVED = 1e-4  # of a metric that is made of log-probabilities, relative


class Differences:
    """Collects differences by task."""

    def __init__(self, shown):
        self.shown = shown
        self.lines = []

    def add(self, place, ours, theirs):
        self.lines.append(f"{place}: wit-eval {ours!r:.160}, lm_eval {theirs!r:.160}")

    def __len__(self):
        return len(self.lines)

    def print(self):
        for line in self.lines[: self.shown]:
            print(f"    {line}")
        if len(self.lines) > self.shown:
            print(f"    and {len(self.lines) - self.shown} more")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, required=True, help="folder of a Hugging Face checkpoint")
    parser.add_argument("--wit-eval", type=Path, default=ROOT / "target/release/wit-eval", help="the binary to compare")
    parser.add_argument("--tasks", default=TASKS, help=f"tasks and groups, by comma [{TASKS}]")
    parser.add_argument("--include_path", type=Path, default=HERE / "tasks", help="folder of the task files and data")
    parser.add_argument("--limit", type=int, default=100, help="documents of each task [100]")
    parser.add_argument("--python", type=Path, help="a Python that has requirements.txt installed; otherwise --venv is made")
    parser.add_argument("--venv", type=Path, default=ROOT / "target/parity-venv", help="where the environment is made")
    parser.add_argument("--apply_chat_template", action="store_true", help="present prompts through the chat template")
    parser.add_argument("--keep", type=Path, help="folder for both programs' files [a temporary one]")
    parser.add_argument("--shown", type=int, default=5, help="differences shown for each task [5]")
    return parser.parse_args()


def environment(args):
    """The Python to run lm_eval with, made if needed."""
    if args.python:
        return args.python
    python = args.venv / "bin/python"
    if not python.exists():
        print(f"making {args.venv} (several gigabytes)", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", args.venv], check=True)
        requirements = HERE / "requirements.txt"
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--requirement", requirements], check=True)
    return python


def without_missing_data(args, python):
    """Leaves out the task that needs NLTK's sentence model where it is absent."""
    check = "import immutabledict, langdetect, nltk; nltk.data.find('tokenizers/punkt_tab')"
    names = args.tasks.split(",")
    if INSTRUCTIONS in names and subprocess.run([python, "-c", check], capture_output=True).returncode:
        print(f"{INSTRUCTIONS}: left out, langdetect, immutabledict or NLTK's punkt_tab is not installed")
        names.remove(INSTRUCTIONS)
    return ",".join(names)


def run_both(args, python, tasks, folder):
    """Runs both programs; returns the folders of their files."""
    args.checkpoint = args.checkpoint.resolve()
    include = args.include_path.resolve()
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    theirs, ours = folder / "lm_eval", folder / "wit_eval"
    # A template that writes no beginning-of-text token is taken at its word; lm_eval would add the token (docs/tasks.md).
    bos = ",add_bos_token=False" if args.apply_chat_template else ""
    model = f"pretrained={args.checkpoint},dtype=float32{bos}"
    command = [python, "-m", "lm_eval", "run", "--model", "hf", "--model_args", model]
    command += ["--tasks", tasks, "--include_path", include, "--device", "cpu", "--batch_size", "1", "--log_samples"]
    command += ["--limit", str(args.limit), "--output_path", theirs]
    command += ["--apply_chat_template"] if args.apply_chat_template else []
    # Data files of a task are named from its folder.
    subprocess.run(command, check=True, cwd=include, env=env, stdout=subprocess.DEVNULL)
    command = [args.wit_eval.resolve(), "--checkpoint", args.checkpoint, "--include_path", include, "--tasks", tasks]
    command += ["--perturbations", "none", "--posix_limit", "0", "--limit", str(args.limit), "--quiet"]
    command += ["--ifeval_mode", "lm-eval", "--output_path", tempfile.mkdtemp(dir=folder)]
    command += ["--lm-eval-output", ours]
    command += ["--apply_chat_template"] if args.apply_chat_template else []
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return ours, theirs


def read(folder):
    """The newest results of a folder, its name, and the samples by task."""
    results = max(folder.glob("*/results_*.json"), key=lambda path: path.stat().st_mtime)
    stamp = results.name.removeprefix("results_").removesuffix(".json")
    samples = {}
    for path in sorted(results.parent.glob(f"samples_*_{stamp}.jsonl")):
        task = path.name.removeprefix("samples_").removesuffix(f"_{stamp}.jsonl")
        samples[task] = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return json.loads(results.read_text(encoding="utf-8")), results.parent.name, samples


def log_prob_differences(ours, theirs):
    """Absolute differences of the log-probabilities of a sample, in nats; None where it has none."""
    pairs = []
    for one, other in zip(ours["resps"], theirs["resps"]):
        one, other = one[0], other[0]
        one, other = (one[0], other[0]) if isinstance(one, list) else (one, other)
        try:
            pairs.append((float(one), float(other)))
        except ValueError:
            return None
    return [abs(one - other) for one, other in pairs]


def same_number(one, other, tolerance):
    if isinstance(one, bool) or isinstance(other, bool) or not all(isinstance(x, (int, float)) for x in (one, other)):
        return one == other and type(one) is type(other)
    return type(one) is type(other) and math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance)


def same_metric(one, other, tolerance):
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same_metric(a, b, tolerance) for a, b in zip(one, other))
    return same_number(one, other, tolerance)


def compare_samples(ours, theirs, found):
    """Compares the samples of a task; returns the largest difference of a log-probability, in nats."""
    largest = 0.0
    if len(ours) != len(theirs):
        found.add("number of samples", len(ours), len(theirs))
    for one, other in zip(ours, theirs):
        place = f"document {other['doc_id']}, filter {other['filter']}"
        if list(one) != list(other):
            found.add(f"{place}: keys", list(one), list(other))
        exact = ["doc_id", "doc", "target", "arguments", "filter", "metrics", "doc_hash", "prompt_hash", "target_hash"]
        for key in exact:
            if json.dumps(one.get(key)) != json.dumps(other.get(key)):
                found.add(f"{place}: {key}", one.get(key), other.get(key))
        numbers = log_prob_differences(one, other)
        if numbers is None:
            for key in ("resps", "filtered_resps"):
                if one[key] != other[key]:
                    found.add(f"{place}: {key}", one[key], other[key])
        else:
            largest = max([largest, *numbers])
            is_text = isinstance(other["resps"][0][0], str)
            words = len(other["arguments"]["gen_args_0"]["arg_0"].split()) if is_text else 0
            if any(difference > NATS + NATS_A_WORD * words for difference in numbers):
                found.add(f"{place}: log-probabilities", one["resps"], other["resps"])
        for key in other["metrics"]:
            if not same_metric(one.get(key), other[key], SHARE if numbers is None else DERIVED):
                found.add(f"{place}: {key}", one.get(key), other[key])
    return largest


def compare_entries(ours, theirs, place, found, tolerance=DERIVED):
    """Compares two values of the results files: types, keys in their order, numbers within a tolerance."""
    if place in UNLIKE or place.rsplit(".", 1)[-1] in UNLIKE_SETTINGS:
        return
    if isinstance(ours, dict) and isinstance(theirs, dict):
        named = [key for key in theirs if f"{place}.{key}".lstrip(".") not in UNLIKE and key not in UNLIKE_SETTINGS]
        known = [key for key in ours if f"{place}.{key}".lstrip(".") not in UNLIKE and key not in UNLIKE_SETTINGS]
        if known != named:
            found.add(f"{place}: keys", known, named)
        for key in set(ours) & set(theirs):
            compare_entries(ours[key], theirs[key], f"{place}.{key}".lstrip("."), found, tolerance)
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, (one, other) in enumerate(zip(ours, theirs)):
            compare_entries(one, other, f"{place}[{index}]", found, tolerance)
    elif place.endswith(".aggregation") and isinstance(theirs, str) and theirs.startswith("def "):
        return  # lm_eval dumps the Python source of the function
    elif not same_number(ours, theirs, tolerance):
        found.add(place, ours, theirs)


def row(name, documents, largest, differences):
    shown = f"{largest:.2e}" if largest else "-"
    print(f"{name:<32}{documents:>10}{shown:>18}{differences:>14}")


def report(ours, theirs, shown):
    """Prints the table; returns the number of differences."""
    (our_results, our_name, our_samples), (their_results, their_name, their_samples) = read(ours), read(theirs)
    print(f"{'':<32}{'samples':>10}{'max |Δ log P|':>18}{'differences':>14}")
    total = 0
    for task in sorted(set(our_samples) | set(their_samples)):
        found = Differences(shown)
        largest = compare_samples(our_samples.get(task, []), their_samples.get(task, []), found)
        row(task, len(their_samples.get(task, [])), largest, len(found))
        found.print()
        total += len(found)
    found = Differences(shown)
    if our_name != their_name:
        found.add("folder", our_name, their_name)
    # Log-probabilities differ in their last digits, and with them the bootstrap's error far in the tail.
    compare_entries(our_results, their_results, "", found)
    row("results, key by key", len(their_results), 0.0, len(found))
    found.print()
    return total + len(found)


def main():
    args = arguments()
    try:
        python = environment(args)
        tasks = without_missing_data(args, python)
        with tempfile.TemporaryDirectory() as temporary:
            folder = (args.keep or Path(temporary)).resolve()
            folder.mkdir(parents=True, exist_ok=True)
            ours, theirs = run_both(args, python, tasks, folder)
            differences = report(ours, theirs, args.shown)
    except (OSError, subprocess.CalledProcessError, ValueError) as error:
        print(f"could not compare: {error}", file=sys.stderr)
        return 2
    print("equal" if differences == 0 else f"{differences} differences")
    return 0 if differences == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
