"""Writes golden/: what lm_eval 0.4.13 makes of tasks/ when a model answers as responses.json says.

Run in the folder of this file with the packages of ../parity/requirements.txt: python make.py
"""

import json
import os
import shutil
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"
here = Path(__file__).resolve().parent
os.chdir(here / "tasks")

from lm_eval import simple_evaluate  # noqa: E402
from lm_eval.api.model import LM  # noqa: E402
from lm_eval.loggers import EvaluationTracker  # noqa: E402
from lm_eval.tasks import TaskManager  # noqa: E402

TASKS = ["golden_outer", "golden_endings", "golden_pages"]
DATE = "2030-01-02T03-04-05.000006"


class Scripted(LM):
    """Answers from a file."""

    def __init__(self):
        super().__init__()
        self.answers = json.loads((here / "responses.json").read_text(encoding="utf-8"))

    def answer(self, request):
        return self.answers[f"{request.task_name}/{request.doc_id}"]

    def loglikelihood(self, requests, **_):
        return [tuple(self.answer(request)[request.idx]) for request in requests]

    def loglikelihood_rolling(self, requests, **_):
        return [self.answer(request) for request in requests]

    def generate_until(self, requests, **_):
        return [self.answer(request) for request in requests]


def main():
    golden = here / "golden"
    shutil.rmtree(golden, ignore_errors=True)
    tracker = EvaluationTracker(output_path=str(golden))
    found = simple_evaluate(
        model=Scripted(),
        tasks=TASKS,
        task_manager=TaskManager(include_path=".", include_defaults=False),
        evaluation_tracker=tracker,
        limit=3,
    )
    samples = found.pop("samples")
    general = tracker.general_config_tracker
    general.model_name = general.model_name_sanitized = "scripted"
    tracker.save_results_aggregated(results=found, samples=samples)
    for name in found["configs"]:
        tracker.save_results_samples(task_name=name, samples=samples[name])
    for file in (golden / "scripted").iterdir():
        file.rename(golden / file.name.replace(tracker.date_id, DATE))
    (golden / "scripted").rmdir()
    results = golden / f"results_{DATE}.json"
    known = json.loads(results.read_text(encoding="utf-8"))
    for key in ["config", "git_hash", "date", "pretty_env_info", "transformers_version", "lm_eval_version",
                "upper_git_hash", "model_source", "fewshot_as_multiturn", "total_evaluation_time_seconds"]:
        known[key] = None  # of this machine and this script
    for config in known["configs"].values():
        config["metadata"].pop("config_source")
    text = json.dumps(known, indent=2, ensure_ascii=False)
    results.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
