"""PM2's words: which mean the same under another name, which need nothing here, and what to do instead of others."""

ALIASES = {
    "exec": "script",
    "interpreter": "exec_interpreter",
    "interpreterArgs": "node_args",
    "interpreter_args": "node_args",
    "cron": "cron_restart",
    "user": "uid",
    "pm_exec_path": "script",
    "pm_cwd": "cwd",
}

INTERPRETERS = {
    ".sh": "bash",
    ".py": "python",
    ".rb": "ruby",
    ".php": "php",
    ".pl": "perl",
    ".js": "node",
    ".cjs": "node",
    ".mjs": "node",
    ".coffee": "coffee",
    ".ls": "lsc",
    ".ts": "bun",
    ".tsx": "bun",
}
"""By which PM2 runs a script that names none."""

TAKEN = frozenset([
    "script", "name", "exec_interpreter", "node_args", "args", "cwd", "env", "env_file", "port", "instances",
    "exec_mode", "instance_var", "increment_var", "max_memory_restart", "autorestart", "stop_exit_codes",
    "max_restarts", "kill_timeout", "cron_restart", "uid",
])  # fmt: skip
"""Settings that become settings of a bot."""

BY_ITSELF = frozenset([
    "vizion", "pmx", "automation", "windowsHide", "force", "namespace", "version", "username",
    "source_map_support", "disable_source_map_support", "trace", "disable_trace", "v8", "event_loop_inspector",
    "deep_monitoring", "kill_retry_time", "write", "io", "execute_command", "install_url", "pid_file", "pid",
    "exp_backoff_restart_delay", "autostart",
])  # fmt: skip
"""Of PM2 itself, or what Botdeck always does: named in one sentence."""

LOGS = frozenset([
    "out_file", "out", "output", "out_log", "error_file", "error", "err", "err_file", "err_log", "log_file",
    "log", "disable_logs", "log_type", "log_date_format", "time", "merge_logs", "combine_logs",
])  # fmt: skip

NO_EQUIVALENT = {
    "watch": "Botdeck does not watch files; after a change say: botdeck restart NAME",
    "ignore_watch": "see watch",
    "watch_delay": "see watch",
    "watch_options": "see watch",
    "wait_ready": "Botdeck hears no process.send('ready'); say ready = \"output:PATTERN\" with what the bot prints "
    "when it works",
    "listen_timeout": "with ready = \"output:PATTERN\" say ready_timeout_s",
    "shutdown_with_message": "Botdeck asks with a signal; have the bot end on SIGINT",
    "min_uptime": "a run of a minute counts as healthy here",
    "restart_delay": "Botdeck restarts at once, then after 1, 2, 4 ... 60 s",
    "filter_env": "a bot gets the environment of the runner, which is what `botdeck up` was started with",
    "append_env_to_name": "name the bot as you like it",
    "post_update": "Botdeck does not update bots",
    "gid": "a bot runs with the groups of its `user`",
    "treekill": "what a bot started always ends with it",
    "name_prefix": "name the bot as you like it",
}  # fmt: skip

SESSION = frozenset([
    "PWD", "OLDPWD", "SHLVL", "_", "SHELL", "TERM", "TERM_PROGRAM", "TERM_PROGRAM_VERSION", "COLORTERM",
    "LS_COLORS", "LESSOPEN", "LESSCLOSE", "MAIL", "USER", "LOGNAME", "HOME", "DISPLAY",
    "DBUS_SESSION_BUS_ADDRESS", "INVOCATION_ID", "JOURNAL_STREAM", "WINDOWID", "EDITOR", "PAGER", "PM2_HOME",
    "PM2_USAGE", "PM2_JSON_PROCESSING", "PM2_INTERACTOR_PROCESSING", "PM2_DISCRETE_MODE", "PM2_PROGRAMMATIC",
    "NODE_APP_INSTANCE", "NODE_CHANNEL_FD", "NODE_CHANNEL_SERIALIZATION_MODE", "unique_id", "pm_id",
    "vizion_running",
])  # fmt: skip
"""Variables of the login from which `pm2 start` was said, and of PM2: no part of a bot."""
SESSION_PREFIXES = (
    "SSH_", "XDG_", "SUDO_", "TMUX", "STY", "VSCODE_", "npm_", "LC_TERMINAL", "BASH_FUNC_",
)  # fmt: skip
