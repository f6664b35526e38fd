"""A small OpenAI-compatible server around a Hugging Face checkpoint: greedy generation, and echoed log-probabilities of
prompts that are texts or token ids. Usage: server.py MODEL_FOLDER PORT; `ready` is printed when it listens."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

import torch
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

folder, port = sys.argv[1], int(sys.argv[2])
# As the file says: AutoTokenizer rebuilds some families' tokenizers and drops characters that the file knows as unknown.
tokenizer = PreTrainedTokenizerFast(tokenizer_file=f"{folder}/tokenizer.json")
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
torch.manual_seed(0)
lock = Lock()


end = model.generation_config.eos_token_id
ends = set(end if isinstance(end, list) else [end])


def decode(ids):
    return tokenizer.decode([i for i in ids if i not in ends], skip_special_tokens=True)


class Refused(Exception):
    pass


def limit():
    return model.config.max_position_embeddings


@torch.no_grad()
def generate(ids, count):
    if len(ids) + count > limit():
        raise Refused(f"maximum context length is {limit()} tokens, asked were {len(ids)} + {count}")
    new = []
    while len(new) < count:
        new.append(int(model(torch.tensor([ids + new])).logits[0, -1].argmax()))
        if new[-1] in ends:
            break
    return new, "stop" if new and new[-1] in ends else "length"


@torch.no_grad()
def echoed(ids):
    log_probs = model(torch.tensor([ids])).logits[0].float().log_softmax(-1)
    own = log_probs[:-1].gather(1, torch.tensor(ids[1:])[:, None])[:, 0].tolist()
    top = [{str(int(row.argmax())): float(row.max())} for row in log_probs[:-1]]
    return [None, *own], [None, *top]


def complete(body):
    prompt = body["prompt"]
    ids = tokenizer(prompt)["input_ids"] if isinstance(prompt, str) else prompt
    new, finish = generate(ids, body.get("max_tokens", 16))
    choice = {"index": 0, "text": decode(new), "finish_reason": finish}
    if body.get("echo") and body.get("logprobs"):
        whole = ids + new
        nats, top = echoed(whole)
        choice["logprobs"] = {"tokens": [tokenizer.decode([i]) for i in whole], "token_logprobs": nats, "top_logprobs": top}
    if body.get("return_token_ids"):
        choice |= {"token_ids": new, "prompt_token_ids": ids}
    return {"choices": [choice], "usage": {"prompt_tokens": len(ids), "completion_tokens": len(new)}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def reply(self, status, value):
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        self.reply(200, {"data": [{"id": "stand-in"}]})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/v1/completions":
            return self.reply(404, {"error": {"message": "no such interface"}})
        try:
            with lock:
                self.reply(200, complete(body))
        except Refused as refused:
            self.reply(400, {"error": {"message": str(refused)}})

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
print("ready", flush=True)
server.serve_forever()
