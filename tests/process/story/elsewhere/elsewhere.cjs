// Plumbing of the tests, as sitecustomize.py beside it is for Python: `ELSEWHERE=telegram http://127.0.0.1:8081`.
const http = require("node:http");
const https = require("node:https");
const path = require("node:path");

const [platform, address] = (process.env.ELSEWHERE ?? "").split(" ");

function telegram() {
    const { request } = https;
    https.request = (options, ...rest) => {
        if (options.hostname !== "api.telegram.org") return request(options, ...rest);
        const { hostname, port } = new URL(address);
        const here = { protocol: "http:", host: hostname, hostname, port, agent: undefined };
        return http.request({ ...options, ...here }, ...rest);
    };
}

// The library itself is left for the bot to load.
function discord() {
    const undici = require(require.resolve("undici", { paths: [path.dirname(process.argv[1])] }));
    const agent = new undici.Agent();
    const { origin } = new URL(address);
    undici.setGlobalDispatcher({ dispatch: (options, handler) => agent.dispatch({ ...options, origin }, handler) });
}

({ telegram, discord })[platform]?.();
