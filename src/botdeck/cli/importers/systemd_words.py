"""Settings of systemd units that a bot has no setting for, and what to do instead."""

TAKEN = frozenset([
    "ExecStart", "Environment", "EnvironmentFile", "WorkingDirectory", "User", "Restart", "TimeoutStopSec",
    "TimeoutSec", "KillSignal", "MemoryMax", "MemoryLimit", "UMask", "Type",
])  # fmt: skip
"""Of [Service]; these become settings of a bot."""

OUTPUT = frozenset([
    "StandardOutput", "StandardError", "SyslogIdentifier", "SyslogFacility", "SyslogLevel", "SyslogLevelPrefix",
    "LogLevelMax", "LogRateLimitIntervalSec", "LogRateLimitBurst",
])  # fmt: skip

ORDER = frozenset([
    "After", "Before", "Wants", "Requires", "Requisite", "BindsTo", "PartOf", "Upholds", "Conflicts",
    "DefaultDependencies", "RequiresMountsFor", "StopWhenUnneeded", "AllowIsolate", "IgnoreOnIsolate",
    "CollectMode", "Documentation", "SourcePath",
])  # fmt: skip
"""Of [Unit]: what is started when. Botdeck starts all bots at once."""

CONFINING = (
    "Protect", "Private", "Restrict", "SystemCall", "Capability", "Ambient", "ReadOnly", "ReadWrite",
    "Inaccessible", "ExecPaths", "NoExecPaths", "Bind", "Temporary", "Root", "Mount", "NoNewPrivileges",
    "LockPersonality", "MemoryDenyWriteExecute", "RemoveIPC", "Dynamic", "Secure", "SELinux", "AppArmor",
    "Smack", "KeyringMode", "ProcSubset", "Device", "IPAddress", "IPIngress", "IPEgress",
    "Network", "SocketBind", "LoadCredential", "SetCredential", "ImportCredential", "StateDirectory",
    "RuntimeDirectory", "CacheDirectory", "ConfigurationDirectory", "LogsDirectory",
)  # fmt: skip
"""Beginnings of the names of settings that make a process see and do less, or make folders for it."""

LIMITS = (
    "Limit", "CPU", "IO", "BlockIO", "Memory", "Tasks", "Nice", "OOM", "NUMA", "Slice", "Startup", "Delegate",
    "Numa",
)  # fmt: skip
"""Beginnings of the names of settings that share out the machine."""

NO_EQUIVALENT = {
    "ExecStartPre": "nothing is run before a bot; put it into a script that ends with `exec PROGRAM`",
    "ExecStartPost": "nothing is run after a bot began",
    "ExecStop": "Botdeck asks with a signal (stop_signal); have the bot end on it",
    "ExecStopPost": "nothing is run after a bot ended",
    "ExecReload": "there is no reload of a bot; restart it",
    "ExecCondition": "nothing is run before a bot",
    "RestartSec": "Botdeck restarts at once, then after 1, 2, 4 ... 60 s",
    "RestartSteps": "Botdeck restarts at once, then after 1, 2, 4 ... 60 s",
    "RestartMaxDelaySec": "Botdeck restarts at once, then after 1, 2, 4 ... 60 s",
    "RestartPreventExitStatus": 'with restart = "on-failure" only code 0 means that it is done',
    "RestartForceExitStatus": 'with restart = "always" it is restarted after any code',
    "SuccessExitStatus": 'with restart = "on-failure" only code 0 means that it is done',
    "RuntimeMaxSec": 'to restart it now and then, say restart_at with five cron fields, like "0 4 * * *"',
    "TimeoutStartSec": 'with ready = "output:PATTERN" or "sdk" say ready_timeout_s',
    "WatchdogSec": "Botdeck listens to beats through its own SDK; see heartbeat_timeout_s, probe and output_timeout_s",
    "NotifyAccess": "Botdeck hears no sd_notify",
    "PIDFile": "Botdeck knows the process it started",
    "RemainAfterExit": "a bot that ended is shown as exited",
    "KillMode": "its main process is asked to end; what else it started is killed after that",
    "SendSIGKILL": "what does not end within stop_timeout_s is killed",
    "SendSIGHUP": "only stop_signal is sent",
    "FinalKillSignal": "what does not end is ended with SIGKILL",
    "RestartKillSignal": "stop_signal is sent for a restart, too",
    "Group": "a bot runs with the groups of its `user`",
    "SupplementaryGroups": "a bot runs with the groups of its `user`",
    "UnsetEnvironment": "a bot gets the environment of the runner",
    "PassEnvironment": "a bot gets the environment of the runner",
    "StandardInput": "a bot reads from /dev/null",
    "TTYPath": "a bot has no terminal",
    "PAMName": "there is no session for a bot",
    "BusName": "Botdeck listens to no bus",
    "Sockets": "a bot opens its sockets itself",
    "FileDescriptorStoreMax": "nothing keeps the files of a bot open",
    "GuessMainPID": "Botdeck knows the process it started",
    "ExitType": "a run is over when its main process ends",
}

UNIT_NO_EQUIVALENT = {
    "StartLimitBurst": "see start_budget (starts in 24 hours) and max_crashes (in a row)",
    "StartLimitIntervalSec": "see start_budget (starts in 24 hours) and max_crashes (in a row)",
    "StartLimitInterval": "see start_budget (starts in 24 hours) and max_crashes (in a row)",
    "StartLimitAction": "a bot never restarts its host",
    "OnFailure": "nothing is started when a bot fails",
    "OnSuccess": "nothing is started when a bot ends",
    "JobTimeoutSec": "starting has no limit but ready_timeout_s",
}
