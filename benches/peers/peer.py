"""The other side of the comparison: lm_eval, the POSIX package, transformers and PyTorch, answering the same requests as
engine.rs. One JSON object a line on standard input, one on standard output; only the work itself is timed.
"""

import contextlib
import json
import os
import sys
import time


class Watch:
    """Seconds by the clock and of processors."""

    def __init__(self):
        self.start, self.processor = time.perf_counter(), time.process_time()

    def read(self):
        seconds = time.perf_counter() - self.start
        return {"seconds": seconds, "processor_seconds": time.process_time() - self.processor}


class Worker:
    def __init__(self):
        self.models = {}

    def open(self, checkpoint, threads, dtype):
        import torch
        from lm_eval.models.huggingface import HFLM

        torch.set_num_threads(threads)
        watch = Watch()
        self.models[dtype] = HFLM(pretrained=checkpoint, dtype=dtype, batch_size=16, device="cpu")
        return {"time": watch.read(), "isa": torch.backends.cpu.get_cpu_capability()}

    def versions(self, packages):
        from importlib.metadata import version

        return {name: version(name) for name in packages}

    def choices(self, include_path, task, dtype="float32"):
        """As `lm_eval run` does it, from the task's file to the scores."""
        from lm_eval import simple_evaluate
        from lm_eval.tasks import TaskManager

        model = self.models[dtype]
        manager = TaskManager(include_path=include_path, include_defaults=False)
        asked, scored = {}, model.loglikelihood

        def timed(*args, **kwargs):
            watch = Watch()
            answers = scored(*args, **kwargs)
            asked.update(watch.read())
            return answers

        model.loglikelihood = timed
        watch = Watch()
        try:
            found = simple_evaluate(
                model=model, tasks=[task], task_manager=manager, bootstrap_iters=0, log_samples=True, verbosity="ERROR"
            )
        finally:
            model.loglikelihood = scored
        elapsed = watch.read()
        samples = sorted(found["samples"][task], key=lambda sample: sample["doc_id"])
        questions = [[list(answer[0]) for answer in sample["resps"]] for sample in samples]
        return {"time": elapsed, "model_time": asked, "questions": questions}

    def posix_open(self, checkpoint):
        from prompt_sensitivity_index.models import HFModel

        self.posix_model = HFModel(checkpoint)
        return {}

    def posix(self, sets, max_new_tokens):
        from prompt_sensitivity_index.posix import PosixConfig, get_prompt_sensitivity

        config = PosixConfig(max_new_tokens=max_new_tokens, batched=False)
        watch = Watch()
        index, trace = get_prompt_sensitivity(self.posix_model, sets, config)
        elapsed = watch.read()
        return {
            "time": elapsed,
            "posix": index,
            "sensitivities": trace.prompt_sensitivities,
            "matrices": trace.logprob_matrices,
        }

    def generate(self, prompts, max_new_tokens):
        import torch

        model = self.models["float32"].model
        # No token ends a text: every prompt gets the same number of new ones.
        model.generation_config.eos_token_id = None
        ids = torch.tensor(prompts)
        watch = Watch()
        with torch.no_grad():
            out = model.generate(
                ids, attention_mask=torch.ones_like(ids), max_new_tokens=max_new_tokens, do_sample=False, pad_token_id=0
            )
        elapsed = watch.read()
        return {"time": elapsed, "ids": out[:, ids.shape[1] :].tolist()}

    def margin(self, ids):
        """By how much the likeliest next token leads, in nats."""
        import torch

        with torch.no_grad():
            logits = self.models["float32"].model(torch.tensor([ids])).logits[0, -1].double()
        top = torch.topk(logits, 2).values
        return {"margin": (top[0] - top[1]).item()}

    def train_open(self, checkpoint, sequences, steps, settings):
        import torch
        from transformers import AutoModelForCausalLM

        model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
        model.train()
        optimizer = torch.optim.AdamW(
            model.parameters(), lr=settings["learning_rate"], weight_decay=settings["weight_decay"]
        )
        ids = torch.tensor([sequence["ids"] for sequence in sequences])
        first = torch.tensor([[sequence["prompt_tokens"]] for sequence in sequences])
        in_prompt = torch.arange(ids.shape[1])[None, 1:] < first
        weights = torch.where(in_prompt, settings["prompt_weight"], settings["response_weight"])
        self.training = (model, optimizer, ids, weights, settings["max_grad_norm"])
        return {}

    def train(self):
        """One step of the WIT loss: eager PyTorch, the library's model as it comes."""
        import torch

        model, optimizer, ids, weights, max_grad_norm = self.training
        watch = Watch()
        logits = model(ids, use_cache=False).logits[:, :-1]
        nats = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
        loss = (nats * weights.flatten()).sum() / (weights != 0).sum()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), max_grad_norm)
        optimizer.step()
        optimizer.zero_grad()
        answer = {"loss": loss.item(), "gradient_norm": norm.item(), "tokens": ids.numel()}
        return {"time": watch.read(), **answer}

    def gemm(self, shapes, seconds):
        """Mean seconds of one product."""
        import torch

        means = []
        for rows, inputs, outputs in shapes:
            x, weights = torch.full((rows, inputs), 0.5), torch.full((outputs, inputs), 0.01)
            torch.nn.functional.linear(x, weights)
            start, count = time.perf_counter(), 0
            while count == 0 or time.perf_counter() - start < seconds:
                torch.nn.functional.linear(x, weights)
                count += 1
            means.append((time.perf_counter() - start) / count)
        return {"own": means}


def main():
    # Libraries print; the answers have standard output to themselves.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = Worker()
    for line in sys.stdin:
        work = json.loads(line)
        try:
            with contextlib.redirect_stdout(sys.stderr):
                answer = getattr(worker, work.pop("work"))(**work)
        except Exception as error:  # noqa: BLE001: told to the other end, which stops
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
