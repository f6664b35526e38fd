#!/usr/bin/env python3
"""Measures wit-eval beside lm_eval, the POSIX package, transformers and PyTorch: the same work, the same machine, turn and
turn about, with a check that the answers agree.

    python3 benches/peers/run.py

makes a Python environment (requirements.txt), a Llama of 25 million seeded random weights, a release build of wit-eval, and
writes results/peers/MACHINE.md and .json. Needs Python 3.11 or newer, cargo, about 8 GB of disk, 6 GB of memory and, idle,
about 15 minutes on two cores with AVX-512, about 40 without; the first time installation and build come on top. Started
again, it goes on from what is there. Nothing else should run meanwhile.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import agreement
import machine
import table

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
GEMM_SECONDS = 0.25
OPTIMIZING = {
    "prompt_weight": 0.4,
    "response_weight": 0.6,
    "learning_rate": 2e-5,
    "weight_decay": 0.1,
    "max_grad_norm": 1.0,
}
FULL = {
    "seed": 1,
    "questions": 24,
    "context_tokens": 300,
    "sets": 6,
    "prompts": 6,
    "posix_tokens": 30,
    "generation_prompts": 8,
    "prompt_tokens": 128,
    "new_tokens": 64,
    "train_sequences": 8,
    "train_tokens": 256,
}
QUICK = {
    **FULL,
    "questions": 4,
    "sets": 1,
    "prompts": 3,
    "generation_prompts": 2,
    "new_tokens": 16,
    "train_sequences": 2,
    "train_tokens": 64,
}


def stop(message):
    sys.exit(f"run.py: {message}")


def say(message):
    print(message, file=sys.stderr, flush=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=ROOT / "target" / "peers", help="folder of environment and model")
    parser.add_argument("--results", type=Path, default=ROOT / "results" / "peers", help="folder of the tables")
    parser.add_argument("--python", type=Path, help="Python of an environment that has requirements.txt installed")
    parser.add_argument("--wit-eval", type=Path, help="the program; without it, cargo builds it")
    parser.add_argument("--engine", type=Path, help="the bench target `peers`; without it, cargo builds it")
    parser.add_argument("--runs", type=int, default=5, help="alternating runs of each work (default 5)")
    parser.add_argument("--threads", type=int, default=2, help="threads of both sides (default 2)")
    parser.add_argument("--only", default="", help="works, by commas: choices,posix,generate,train,gemm,process,bfloat16")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to check that it works; tables go to --work")
    given = parser.parse_args()
    if given.runs < 1 or given.threads < 1:
        parser.error("--runs and --threads are 1 or more")
    for flag in ("python", "wit_eval", "engine"):
        path = getattr(given, flag)
        if path and not path.is_file():
            parser.error(f"--{flag.replace('_', '-')}: no file {path}")
    unknown = set(filter(None, given.only.split(","))) - set(WORKS)
    if unknown:
        parser.error(f"--only: unknown: {', '.join(sorted(unknown))}")
    return given


def environment(work, given):
    """A Python with the pinned packages: the one given, or one made here and kept."""
    if given:
        return given
    if sys.version_info < (3, 11):
        stop(f"Python {sys.version.split()[0]} is too old for the pinned packages; use 3.11 or newer, or --python")
    folder, wanted = work / "venv", (HERE / "requirements.txt").read_bytes()
    python, stamp = folder / "bin" / "python", folder / "installed"
    digest = hashlib.sha256(wanted).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return python
    if not shutil.disk_usage(work).free > 9e9:
        stop(f"{work} has less than 9 GB free; make room or choose another --work")
    say("installing the pinned packages (once) ...")
    if not python.exists():
        run([sys.executable, "-m", "venv", str(folder)], "the environment could not be made")
    run([str(python), "-m", "pip", "install", "-q", "-r", str(HERE / "requirements.txt")], "pip could not install")
    frozen = subprocess.run([str(python), "-m", "pip", "freeze"], capture_output=True, text=True, check=False).stdout
    (work / "environment.txt").write_text(frozen)
    stamp.write_text(digest)
    return python


def run(command, fault, **more):
    if subprocess.run(command, check=False, **more).returncode != 0:
        stop(f"{fault}; the messages above say why. Command: {' '.join(command)}")


def programs(given):
    """The program and the bench target, built by cargo where they are not given."""
    if given.wit_eval and given.engine:
        return given.wit_eval.resolve(), given.engine.resolve()
    if not shutil.which("cargo"):
        stop("cargo is not here; install Rust, or give --wit-eval and --engine")
    say("building wit-eval ...")
    command = ["cargo", "build", "--release", "--locked", "--bin", "wit-eval", "--bench", "peers"]
    command.append("--message-format=json-render-diagnostics")
    built = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if built.returncode != 0:
        stop("the build failed; the messages above say why")
    found = {}
    for line in built.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable"):
            found[message["target"]["name"]] = Path(message["executable"])
    return (given.wit_eval or found["wit-eval"]).resolve(), (given.engine or found["peers"]).resolve()


def material(work, python, sizes, env):
    """The model, the task and the prompts; made once for each choice of sizes."""
    digest = hashlib.sha256((json.dumps(sizes) + (HERE / "material.py").read_text()).encode()).hexdigest()[:12]
    folder = work / f"material-{digest}"
    if not (folder / "material.json").exists():
        say("making model and questions ...")
        folder.mkdir(parents=True, exist_ok=True)
        command = [str(python), str(HERE / "material.py"), str(folder), json.dumps(sizes)]
        run(command, "the material could not be made", env=env)
    return folder, json.loads((folder / "material.json").read_text())


class Side:
    """A process that answers one line of JSON with another."""

    def __init__(self, name, command, cwd, env, log):
        self.name, self.log = name, log
        with open(log, "w") as errors:
            self.process = subprocess.Popen(
                command, cwd=cwd, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
            )

    def ask(self, work, **given):
        try:
            self.process.stdin.write(json.dumps({"work": work, **given}) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        answer = json.loads(line) if line else {"error": "it ended"}
        if "error" in answer:
            stop(f"{self.name}, {work}: {answer['error']}; its messages are in {self.log}")
        return answer

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Bench:
    """Both sides, what they are given, and what they answered."""

    def __init__(self, given, env, folder, asked, python, programs):
        self.given, self.env, self.folder, self.asked, self.python = given, env, folder, asked, python
        self.wit_eval, engine = programs
        self.ours = Side("wit-eval", [str(engine)], folder, env, given.work / "ours.log")
        peer = [str(python), str(HERE / "peer.py")]
        self.peer = Side("peer", peer, folder / "tasks", env, given.work / "peer.log")
        self.model, self.tasks = str(folder / "model"), str(folder / "tasks")
        self.answers, self.warm = {}, {}
        for side in (self.ours, self.peer):
            opened = side.ask("open", checkpoint=self.model, threads=given.threads, dtype="float32")
            self.answers.setdefault("open", []).append(opened)

    def alternate(self, work, ours, peer, warm=True):
        """Runs of both, the first one changing, after one of each that is not counted."""
        if warm:
            self.warm[work] = (ours(), peer())
        pairs = []
        for number in range(self.given.runs):
            say(f"  {work} {number + 1}/{self.given.runs}")
            first, second = (ours, peer) if number % 2 == 0 else (peer, ours)
            one = first()
            time.sleep(0.5)
            two = second()
            time.sleep(0.5)
            pairs.append((one, two) if number % 2 == 0 else (two, one))
        self.answers[work] = pairs

    def both(self, work, **given):
        self.alternate(work, partial(self.ours.ask, work, **given), partial(self.peer.ask, work, **given))

    def another_engine(self, name, **options):
        engine = Side("wit-eval", [*self.ours.process.args], self.folder, self.env, self.given.work / f"{name}.log")
        engine.ask("open", checkpoint=self.model, threads=self.given.threads, **options)
        return engine

    def choices(self):
        self.both("choices", **self.task())

    def task(self):
        return {"include_path": self.tasks, "task": "peers_choice"}

    def posix(self):
        self.peer.ask("posix_open", checkpoint=self.model)
        given = {"sets": self.asked["sets"], "max_new_tokens": self.asked["sizes"]["posix_tokens"]}
        warm = {"sets": [given["sets"][0][:2]], "max_new_tokens": 2}
        self.ours.ask("posix", **warm), self.peer.ask("posix", **warm)
        ours, peer = (partial(side.ask, "posix", **given) for side in (self.ours, self.peer))
        self.alternate("posix", ours, peer, warm=False)

    def generate(self):
        """As the program does it, and with one token a pass: the first goes by the text, the second does not."""
        asked = {"prompts": self.asked["prompts"], "max_new_tokens": self.asked["sizes"]["new_tokens"]}
        self.both("generate", **asked)
        engine = self.another_engine("stepwise", dtype="float32", stepwise=True)
        ours, peer = (partial(side.ask, "generate", **asked) for side in (engine, self.peer))
        self.alternate("stepwise", ours, peer)
        engine.close()

    def train(self):
        opened = {"checkpoint": self.model, "sequences": self.asked["sequences"], "settings": OPTIMIZING}
        for side in (self.ours, self.peer):
            side.ask("train_open", **opened, steps=self.given.runs + 1)
        self.both("train")

    def gemm(self):
        """Products by themselves, and scoring with products of the same minute: what the machine gives changes."""
        asked = {"shapes": [*table.LAYER_SHAPES, table.SQUARE], "seconds": GEMM_SECONDS}
        self.both("gemm", **asked)
        products = lambda: [side.ask("gemm", **asked) for side in (self.ours, self.peer)]  # noqa: E731
        self.alternate("scoring", partial(self.ours.ask, "choices", **self.task()), products)

    def bfloat16(self):
        """Ours holds the weights in bfloat16 and computes in float32; the peer computes in bfloat16."""
        engine = self.another_engine("bfloat16", dtype="bfloat16")
        self.peer.ask("open", checkpoint=self.model, threads=self.given.threads, dtype="bfloat16")
        peer = partial(self.peer.ask, "choices", **self.task(), dtype="bfloat16")
        self.alternate("bfloat16", partial(engine.ask, "choices", **self.task()), peer)
        engine.close()

    def process(self):
        """Whole command lines, from nothing to the written results: all questions, and one."""
        for name, limit in [("process", None), ("start", 1)]:
            own, peer = partial(self.own_line, limit), partial(self.peer_line, limit)
            self.alternate(name, own, peer, warm=limit is None)

    def own_line(self, limit):
        out = self.fresh("own")
        command = [str(self.wit_eval), "--checkpoint", self.model, "--include_path", self.tasks]
        command += ["--tasks", "peers_choice", "--perturbations", "none", "--posix_limit", "0", "--quiet"]
        command += ["--threads", str(self.given.threads), "--output_path", str(out), "--lm-eval-output", str(out / "lm")]
        return self.line(command, limit, out / "lm", "ours")

    def peer_line(self, limit):
        out = self.fresh("peer")
        command = [str(self.python), "-m", "lm_eval", "run", "--model", "hf", "--device", "cpu"]
        command += ["--model_args", f"pretrained={self.model},dtype=float32", "--batch_size", "16", "--tasks"]
        command += ["peers_choice", "--include_path", self.tasks, "--output_path", str(out), "--log_samples"]
        return self.line(command, limit, out, "peer")

    def fresh(self, name):
        out = self.given.work / "runs" / name
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        return out

    def line(self, command, limit, results, side):
        """Runs a command line; its seconds, its peak of memory, and the score and time that it wrote."""
        command += ["--limit", str(limit)] if limit else []
        log = self.given.work / f"{side}-line.log"
        start = time.perf_counter()
        with open(log, "w") as errors:
            child = subprocess.Popen(command, cwd=self.tasks, env=self.env, stdout=errors, stderr=errors)
            _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            stop(f"`{' '.join(command)}` ended with {child.returncode}; its messages are in {log}")
        written = json.loads(next(results.rglob("results_*.json")).read_text())
        times = {"seconds": seconds, "processor_seconds": usage.ru_utime + usage.ru_stime}
        own = float(written["total_evaluation_time_seconds"])
        unit = 1 if sys.platform == "darwin" else 1024
        score = written["results"]["peers_choice"]["acc,none"]
        return {"time": times, "peak_bytes": usage.ru_maxrss * unit, "own_seconds": own, "score": score}


WORKS = ["choices", "posix", "generate", "train", "gemm", "process", "bfloat16"]


def chosen(only, machine):
    """All works, or those asked for. Without instructions for bfloat16 the peer takes minutes there: only if asked for."""
    if only:
        return [work for work in WORKS if work in only.split(",")]
    return [work for work in WORKS if work != "bfloat16" or machine["further_instructions"]]


def process_environment(work, threads):
    count = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")}
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(work / "hf")}
    return {**os.environ, **count, **offline, "TOKENIZERS_PARALLELISM": "false", "PYTHONDONTWRITEBYTECODE": "1"}


def main():
    given = arguments()
    given.work.mkdir(parents=True, exist_ok=True)
    given.work = given.work.resolve()
    sizes = QUICK if given.quick else FULL
    env = process_environment(given.work, given.threads)
    # Not resolved: the name inside the environment is what makes it that environment's Python.
    python = Path(os.path.abspath(environment(given.work, given.python)))
    built = programs(given)
    folder, asked = material(given.work, python, sizes, env)
    before = machine.describe(given.threads)
    if before["busy"] > 0.1:
        say(f"processors are {100 * before['busy']:.0f} % busy; ratios of processor time say more than those of the clock")
    bench = Bench(given, env, folder, asked, python, built)
    for work in chosen(given.only, before):
        say(work)
        getattr(bench, work)()
    checks = agreement.check(bench.answers, bench.warm, asked, bench.peer)
    lines = (HERE / "requirements.txt").read_text().splitlines()
    versions = bench.peer.ask("versions", packages=[line.split("==")[0] for line in lines if "==" in line])
    bench.ours.close(), bench.peer.close()
    weights = (folder / "model" / "model.safetensors").stat().st_size
    report = table.report(bench.answers, asked["sizes"], checks, before, weights, versions)
    results = given.work / "results" if given.quick else given.results
    results.mkdir(parents=True, exist_ok=True)
    path = results / before["class"]
    path.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n")
    path.with_suffix(".md").write_text(table.markdown(report))
    print(table.markdown(report))
    if not all(check["agrees"] for check in checks.values()):
        stop("the answers do not agree; the table says where")


if __name__ == "__main__":
    main()
