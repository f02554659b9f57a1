// Generated from the Python by `npm run types`. Do not edit.

export interface paths {
    "/api/auth/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sign in
         * @description Sets the session cookie. After three failures in a row from one address, the same name has to wait: 1 s, 2 s, 4 s
         *     and so on. Nobody else does.
         */
        post: operations["login"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/auth/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sign out
         * @description Ends the session, closes its live connections, and takes the cookie away.
         */
        post: operations["logout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/auth/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who is signed in? */
        get: operations["me"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/bot/kill": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Kill the default bot
         * @description Its whole process tree ends at once.
         */
        post: operations["kill_default_bot"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/bot/restart": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Restart the default bot */
        post: operations["restart_default_bot"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/bot/start": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Start the default bot */
        post: operations["start_default_bot"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/bot/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What the default bot is doing */
        get: operations["default_bot_status"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/bot/stop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Stop the default bot
         * @description It is asked to end, and killed after its `stop_timeout_s`.
         */
        post: operations["stop_default_bot"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/bots": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * All bots
         * @description In the order of the configuration, each with its status as of now.
         */
        get: operations["list_bots"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/bots/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What one bot is doing */
        get: operations["bot_status"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/bots/{name}/{action}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give an order
         * @description Answers once the bot's runner took the order; what comes of it follows as status. 409 when the order makes no
         *     sense in the bot's state, 503 when its runner is not connected.
         */
        post: operations["bot_action"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/bots/{name}/logs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Log lines
         * @description Oldest first; without `before` and `after` the newest lines.
         */
        get: operations["bot_logs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/bots/{name}/runs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lives of its process
         * @description Newest first.
         */
        get: operations["bot_runs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/bots/{name}/stats": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The figures of one bot */
        get: operations["bot_stats"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/dashboard/stats": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The figures of the dashboard
         * @description With the last 50 log lines. Pages poll this while their live channel is away.
         */
        get: operations["dashboard_stats"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/setup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Is setup needed?
         * @description True until the first administrator exists.
         */
        get: operations["setup_state"];
        put?: never;
        /**
         * Make the first administrator
         * @description Works once, with the code that the deck printed when it started, and signs the new administrator in.
         */
        post: operations["setup"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Is the deck well?
         * @description 503 with a sentence while the database cannot be read and written. Nobody needs to be signed in.
         */
        get: operations["health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * Action
         * @description An operator's order.
         * @enum {string}
         */
        Action: "start" | "stop" | "restart" | "kill";
        /**
         * ActionResult
         * @description An order was accepted by the runner. What comes of it follows as status.
         */
        ActionResult: {
            action: components["schemas"]["Action"];
            /** Bot */
            bot: string;
            /** @description The status just after the runner took the order. */
            status: components["schemas"]["BotStatus"];
        };
        /**
         * BotList
         * @description All bots, in the order of the configuration.
         */
        BotList: {
            /** Bots */
            bots: components["schemas"]["BotStatus"][];
            /**
             * Default Bot
             * @description The bot that the routes without a name act on; null when there is none.
             */
            default_bot: string | null;
        };
        /**
         * BotListMessage
         * @description The list itself changed: a bot was added or removed, or its runner came or went.
         */
        BotListMessage: {
            data: components["schemas"]["BotList"];
            /** Epoch */
            epoch: string;
            /** Seq */
            seq: number;
            /**
             * Timestamp
             * Format: date-time
             */
            timestamp: string;
            /**
             * Type
             * @default bot_list
             * @constant
             */
            type: "bot_list";
        };
        /**
         * BotStatus
         * @description What one bot is doing, at the time of the envelope or answer that carries it.
         */
        BotStatus: {
            /** Bot */
            bot: string;
            /**
             * Description
             * @default
             */
            description: string;
            /** Pid */
            pid: number | null;
            /**
             * Reason
             * @description Why the state is what it is, in words; empty when there is nothing to add.
             * @default
             */
            reason: string;
            /**
             * Restarts
             * @description Restarts after a crash since an operator last started the bot.
             * @default 0
             */
            restarts: number;
            /**
             * Retry In S
             * @description Seconds until the next start, while the state is backoff.
             */
            retry_in_s: number | null;
            /**
             * Run
             * @description Id of the current run, or of the last one.
             */
            run: string | null;
            /**
             * Runner
             * @description Name of the runner that keeps this bot.
             * @default
             */
            runner: string;
            /**
             * Since
             * Format: date-time
             * @description When the state began.
             */
            since: string;
            /**
             * Started At
             * @description When the process started, by the kernel; null when no process lives.
             */
            started_at: string | null;
            state: components["schemas"]["State"];
            /**
             * Uptime S
             * @description Seconds since the kernel started the process; null when no process lives.
             */
            uptime_s: number | null;
            wanted: components["schemas"]["Wanted"];
        };
        /**
         * BotStatusMessage
         * @description Of any bot, at each change.
         */
        BotStatusMessage: {
            data: components["schemas"]["BotStatus"];
            /** Epoch */
            epoch: string;
            /** Seq */
            seq: number;
            /**
             * Timestamp
             * Format: date-time
             */
            timestamp: string;
            /**
             * Type
             * @default bot_status
             * @constant
             */
            type: "bot_status";
        };
        /**
         * Subscribe
         * @description A browser asks for the figures and lines of one bot (null: the default bot). It replaces what it had before.
         */
        ClientMessage: {
            /**
             * Bot
             * @default null
             */
            bot?: string | null;
            /**
             * Type
             * @default subscribe
             * @constant
             */
            type?: "subscribe";
        };
        /**
         * DashboardStats
         * @description The figures of one bot's dashboard. docs/concepts.md says exactly what each counts.
         */
        DashboardStats: {
            /**
             * Active Commands
             * @description Commands started and not finished, of a live run, younger than 15 minutes.
             */
            active_commands: number;
            /** Bot */
            bot: string;
            /**
             * Bot Uptime
             * @description Seconds since the kernel started the process; null when no process lives.
             */
            bot_uptime: number | null;
            /**
             * Day
             * @description The calendar day that "today" means, such as 2026-11-22.
             */
            day: string;
            /**
             * Messages Sent Today
             * @description Messages the bot sent in the same day.
             */
            messages_sent_today: number;
            /**
             * Messages Today
             * @description Messages received from people in the current calendar day of the deck's time zone.
             */
            messages_today: number;
            /**
             * Recent Logs
             * @description The last 50 lines, oldest first; null on the live channel, which sends lines as `log` messages.
             */
            recent_logs: components["schemas"]["LogLine"][] | null;
            /**
             * Time Zone
             * @description The IANA zone of that day.
             */
            time_zone: string;
            /**
             * Total Users
             * @description Distinct people the bot has ever heard from, as the deck saw them.
             */
            total_users: number;
        };
        /**
         * DashboardStatsMessage
         * @description Of the subscribed bot: when a figure changed, at most ten times a second, and regularly.
         */
        DashboardStatsMessage: {
            data: components["schemas"]["DashboardStats"];
            /** Epoch */
            epoch: string;
            /** Seq */
            seq: number;
            /**
             * Timestamp
             * Format: date-time
             */
            timestamp: string;
            /**
             * Type
             * @default dashboard_stats
             * @constant
             */
            type: "dashboard_stats";
        };
        /** Health */
        Health: {
            /**
             * Database
             * @default ok
             * @constant
             */
            database?: "ok";
            /**
             * Status
             * @default ok
             * @constant
             */
            status?: "ok";
            /** Version */
            version: string;
        };
        /**
         * HeartbeatMessage
         * @description Nothing new, but the deck lives.
         */
        HeartbeatMessage: {
            /** Data */
            data: {
                [key: string]: unknown;
            };
            /** Epoch */
            epoch: string;
            /** Seq */
            seq: number;
            /**
             * Timestamp
             * Format: date-time
             */
            timestamp: string;
            /**
             * Type
             * @default heartbeat
             * @constant
             */
            type: "heartbeat";
        };
        /**
         * LogBatch
         * @description New lines of the subscribed bot, oldest first.
         */
        LogBatch: {
            /** Bot */
            bot: string;
            /**
             * Dropped
             * @description Lines left out before these, since this client could not take them fast enough; they are stored all the same.
             */
            dropped: number;
            /** Lines */
            lines: components["schemas"]["LogLine"][];
        };
        /**
         * LogLine
         * @description One line a bot wrote.
         */
        LogLine: {
            /** Bot */
            bot: string;
            /**
             * Id
             * @description Grows by at least one from line to line of the whole deck; 0 until it is stored.
             */
            id: number;
            /**
             * Level
             * @description As stated by the bot or recognised in the line; null when the line shows none.
             */
            level: ("debug" | "info" | "warning" | "error" | "critical") | null;
            /** Run */
            run: string;
            /**
             * Stream
             * @description `out` is the process's output, `log` came through the logging handler.
             * @enum {string}
             */
            stream: "out" | "log";
            /** Text */
            text: string;
            /**
             * Time
             * Format: date-time
             * @description For output, when the runner saw it; for a log event, the time the bot gave.
             */
            time: string;
        };
        /** LogMessage */
        LogMessage: {
            data: components["schemas"]["LogBatch"];
            /** Epoch */
            epoch: string;
            /** Seq */
            seq: number;
            /**
             * Timestamp
             * Format: date-time
             */
            timestamp: string;
            /**
             * Type
             * @default log
             * @constant
             */
            type: "log";
        };
        /**
         * LogPage
         * @description Log lines, oldest first.
         */
        LogPage: {
            /** Lines */
            lines: components["schemas"]["LogLine"][];
            /**
             * More
             * @description True when older lines are kept before the first.
             */
            more: boolean;
        };
        /**
         * Operator
         * @description A person signed in.
         */
        Operator: {
            /** Name */
            name: string;
            role: components["schemas"]["Role"];
            /** User Id */
            user_id: string;
        };
        /**
         * Problem
         * @description What every answer other than a success says.
         */
        Problem: {
            /**
             * Code
             * @description The kind of problem, for programs.
             */
            code: string;
            /**
             * Detail
             * @description A sentence for the person who reads it.
             */
            detail: string;
        };
        /**
         * Role
         * @description What an operator may do.
         * @enum {string}
         */
        Role: "viewer" | "operator" | "admin";
        /**
         * Run
         * @description One life of a bot's process.
         */
        Run: {
            /** Bot */
            bot: string;
            /** Ended At */
            ended_at: string | null;
            /**
             * Exit Code
             * @description The code it exited with; null while it runs, when a signal ended it, or when nobody saw the end.
             */
            exit_code: number | null;
            /** Id */
            id: string;
            /** Pid */
            pid: number | null;
            /**
             * Reason
             * @description Why it ended, in words.
             * @default
             */
            reason: string;
            /**
             * Signal
             * @description Name of the signal that ended it, such as SIGKILL.
             */
            signal: string | null;
            /**
             * Started At
             * Format: date-time
             */
            started_at: string;
        };
        ServerMessage: components["schemas"]["SnapshotMessage"] | components["schemas"]["DashboardStatsMessage"] | components["schemas"]["BotStatusMessage"] | components["schemas"]["BotListMessage"] | components["schemas"]["LogMessage"] | components["schemas"]["HeartbeatMessage"];
        /** SetupForm */
        SetupForm: {
            /** Code */
            code: string;
            /** Name */
            name: string;
            /** Password */
            password: string;
        };
        /** SetupState */
        SetupState: {
            /** Needed */
            needed: boolean;
        };
        /** SignInForm */
        SignInForm: {
            /** Name */
            name: string;
            /** Password */
            password: string;
        };
        /**
         * Snapshot
         * @description Everything a page needs to begin with. Sent on connection and after each `subscribe`.
         */
        Snapshot: {
            fleet: components["schemas"]["BotList"];
            operator: components["schemas"]["Operator"];
            /** Server Version */
            server_version: string;
            /** @description Of the subscribed bot, `recent_logs` included; null when there is no such bot. */
            stats: components["schemas"]["DashboardStats"] | null;
            /**
             * Stats Interval S
             * @description Statistics come at least this often; when nothing came for three times as long, the connection is dead.
             */
            stats_interval_s: number;
            /** Time Zone */
            time_zone: string;
        };
        /** SnapshotMessage */
        SnapshotMessage: {
            data: components["schemas"]["Snapshot"];
            /** Epoch */
            epoch: string;
            /** Seq */
            seq: number;
            /**
             * Timestamp
             * Format: date-time
             */
            timestamp: string;
            /**
             * Type
             * @default snapshot
             * @constant
             */
            type: "snapshot";
        };
        /**
         * State
         * @description What a bot is doing. See docs/concepts.md.
         * @enum {string}
         */
        State: "stopped" | "starting" | "running" | "unhealthy" | "backoff" | "stopping" | "exited" | "failed" | "unknown";
        /**
         * Wanted
         * @description What an operator asked for, kept apart from what is.
         * @enum {string}
         */
        Wanted: "running" | "stopped";
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type Action = components['schemas']['Action'];
export type ActionResult = components['schemas']['ActionResult'];
export type BotList = components['schemas']['BotList'];
export type BotListMessage = components['schemas']['BotListMessage'];
export type BotStatus = components['schemas']['BotStatus'];
export type BotStatusMessage = components['schemas']['BotStatusMessage'];
export type ClientMessage = components['schemas']['ClientMessage'];
export type DashboardStats = components['schemas']['DashboardStats'];
export type DashboardStatsMessage = components['schemas']['DashboardStatsMessage'];
export type Health = components['schemas']['Health'];
export type HeartbeatMessage = components['schemas']['HeartbeatMessage'];
export type LogBatch = components['schemas']['LogBatch'];
export type LogLine = components['schemas']['LogLine'];
export type LogMessage = components['schemas']['LogMessage'];
export type LogPage = components['schemas']['LogPage'];
export type Operator = components['schemas']['Operator'];
export type Problem = components['schemas']['Problem'];
export type Role = components['schemas']['Role'];
export type Run = components['schemas']['Run'];
export type ServerMessage = components['schemas']['ServerMessage'];
export type SetupForm = components['schemas']['SetupForm'];
export type SetupState = components['schemas']['SetupState'];
export type SignInForm = components['schemas']['SignInForm'];
export type Snapshot = components['schemas']['Snapshot'];
export type SnapshotMessage = components['schemas']['SnapshotMessage'];
export type State = components['schemas']['State'];
export type Wanted = components['schemas']['Wanted'];
export type $defs = Record<string, never>;
export interface operations {
    login: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SignInForm"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operator"];
                };
            };
            /** @description The request cannot be understood. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description Nobody is signed in, or name or password are wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many failed attempts; `Retry-After` says when to try again. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The bot's runner is away, or the database cannot be used. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    logout: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Nobody is signed in, or name or password are wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The role does not suffice, or the request came from another site. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    me: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operator"];
                };
            };
            /** @description Nobody is signed in, or name or password are wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    kill_default_bot: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ActionResult"];
                };
            };
            /** @description Nobody is signed in, or name or password are wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The role does not suffice, or the request came from another site. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such bot. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The order makes no sense in the bot's present state. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The bot's runner is away, or the database cannot be used. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    restart_default_bot: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ActionResult"];
                };
            };
            /** @description Nobody is signed in, or name or password are wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The role does not suffice, or the request came from another site. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such bot. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The order makes no sense in the bot's present state. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The bot's runner is away, or the database cannot be used. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    start_default_bot: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ActionResult"];
                };
            };
            /** @description Nobody is signed in, or name or password are wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The role does not suffice, or the request came from another site. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such bot. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The order makes no sense in the bot's present state. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The bot's runner is away, or the database cannot be used. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    default_bot_status: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BotStatus"];
                };
            };
            /** @description Nobody is signed in, or name or password are wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such bot. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    stop_default_bot: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ActionResult"];
                };
            };
            /** @description Nobody is signed in, or name or password are wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The role does not suffice, or the request came from another site. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such bot. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The order makes no sense in the bot's present state. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The bot's runner is away, or the database cannot be used. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_bots: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BotList"];
                };
            };
            /** @description Nobody is signed in, or name or password are wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    bot_status: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The bot's name in botdeck.toml. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BotStatus"];
                };
            };
            /** @description Nobody is signed in, or name or password are wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such bot. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    bot_action: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                action: components["schemas"]["Action"];
                /** @description The bot's name in botdeck.toml. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ActionResult"];
                };
            };
            /** @description Nobody is signed in, or name or password are wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The role does not suffice, or the request came from another site. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such bot. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The order makes no sense in the bot's present state. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The bot's runner is away, or the database cannot be used. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    bot_logs: {
        parameters: {
            query?: {
                /** @description The oldest lines newer than the line of this id. */
                after?: number | null;
                /** @description The newest lines older than the line of this id. */
                before?: number | null;
                limit?: number;
            };
            header?: never;
            path: {
                /** @description The bot's name in botdeck.toml. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LogPage"];
                };
            };
            /** @description The request cannot be understood. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description Nobody is signed in, or name or password are wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such bot. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The bot's runner is away, or the database cannot be used. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    bot_runs: {
        parameters: {
            query?: {
                limit?: number;
            };
            header?: never;
            path: {
                /** @description The bot's name in botdeck.toml. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Run"][];
                };
            };
            /** @description The request cannot be understood. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description Nobody is signed in, or name or password are wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such bot. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The bot's runner is away, or the database cannot be used. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    bot_stats: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The bot's name in botdeck.toml. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DashboardStats"];
                };
            };
            /** @description Nobody is signed in, or name or password are wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such bot. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The bot's runner is away, or the database cannot be used. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    dashboard_stats: {
        parameters: {
            query?: {
                /** @description A bot's name; without one, the default bot. */
                bot?: string | null;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DashboardStats"];
                };
            };
            /** @description Nobody is signed in, or name or password are wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such bot. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The bot's runner is away, or the database cannot be used. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    setup_state: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SetupState"];
                };
            };
            /** @description The bot's runner is away, or the database cannot be used. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    setup: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SetupForm"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operator"];
                };
            };
            /** @description The request cannot be understood. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The role does not suffice, or the request came from another site. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many failed attempts; `Retry-After` says when to try again. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The bot's runner is away, or the database cannot be used. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            /** @description The bot's runner is away, or the database cannot be used. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
