"""Not a language model: a stand-in for the server of one, so that `llm_bot.py` can be tried without an account.

It speaks as much of the usual `POST /v1/chat/completions` as the bot needs, says a sentence back to front, takes words
for tokens, and is "overloaded" when somebody says so. python examples/stand_in_for_a_model.py [PORT]
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class StandIn(BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = " ".join(message["content"] for message in asked["messages"])
        if "overload" in said:
            self.answer(503, {"error": {"type": "overloaded_error", "message": "The stand-in plays overloaded."}})
            return
        words = asked["messages"][-1]["content"].split()
        choice = {"message": {"role": "assistant", "content": " ".join(reversed(words))}, "finish_reason": "stop"}
        usage = {"prompt_tokens": len(said.split()), "completion_tokens": len(words)}
        self.answer(200, {"id": "stand-in-1", "model": "stand-in-1", "choices": [choice], "usage": usage})

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 8808), StandIn)
    print(f"http://127.0.0.1:{server.server_port}/v1", flush=True)
    server.serve_forever()
