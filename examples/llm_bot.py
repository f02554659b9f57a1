"""A bot that answers with a language model, and tells Botdeck of each call: model, tokens, time, failures.

It reads "NICK TEXT" lines. MODEL_URL is a server that knows `POST /chat/completions`, as most do; without an account
there is `stand_in_for_a_model.py`, which is no model. The names of the fields are OpenTelemetry's.
"""

import json
import os
import sys
import time
import urllib.request

import botdeck

URL = os.environ.get("MODEL_URL", "http://127.0.0.1:8808/v1")
PROVIDER = os.environ.get("MODEL_PROVIDER", "stand-in")  # openai, anthropic, mistral_ai ...
MODEL = os.environ.get("MODEL", "stand-in-1")


def ask(text):
    """The model's answer."""
    fields = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": PROVIDER, "gen_ai.request.model": MODEL}
    began = time.perf_counter()
    try:
        answer = call({"model": MODEL, "messages": [{"role": "user", "content": text}]})
        fields |= {
            "gen_ai.response.id": answer["id"],
            "gen_ai.response.model": answer["model"],
            "gen_ai.response.finish_reasons": [choice["finish_reason"] for choice in answer["choices"]],
            "gen_ai.usage.input_tokens": answer["usage"]["prompt_tokens"],
            "gen_ai.usage.output_tokens": answer["usage"]["completion_tokens"],
        }
        return answer["choices"][0]["message"]["content"]
    except Exception as error:
        fields |= {"exception.type": type(error).__name__, "exception.message": str(error)}
        raise
    finally:
        botdeck.emit("llm.call", duration_ms=(time.perf_counter() - began) * 1000, **fields)


def call(question):
    request = urllib.request.Request(f"{URL}/chat/completions", json.dumps(question).encode(), method="POST")
    request.add_header("Content-Type", "application/json")
    if key := os.environ.get("MODEL_KEY"):
        request.add_header("Authorization", f"Bearer {key}")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def say(text):
    print(text, flush=True)
    botdeck.emit("message.sent", **{"chat.platform": "console", "size": len(text.encode())})


for number, line in enumerate(sys.stdin, 1):
    nick, _, text = line.strip().partition(" ")
    user = f"console:{nick}"
    botdeck.emit(
        "message.received",
        **{"user.id": user, "chat.message.id": str(number), "chat.platform": "console", "size": len(text.encode())},
    )
    if not text.startswith("!ask "):
        continue
    try:
        with botdeck.command("ask", user_id=user, kind="prefix"):
            say(f"{nick}: {ask(text.removeprefix('!ask '))}")
    except OSError:
        say(f"{nick}: the model does not answer just now.")
