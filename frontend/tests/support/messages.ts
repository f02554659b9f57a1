import type { Update } from '../../src/services/positions'
import type {
  BotStatus,
  DashboardStats,
  GapMessage,
  GoAway,
  GoAwayMessage,
  HeartbeatMessage,
  LogLine,
  ResumedMessage,
  Run,
  RunnerStatus,
  Sample,
  Snapshot,
  SnapshotMessage,
} from '../../src/types/api.gen'

const TIME = '2026-11-22T19:07:42Z'

export function status(over: Partial<BotStatus> = {}): BotStatus {
  return {
    bot: 'hello',
    state: 'running',
    wanted: 'running',
    since: TIME,
    reason: '',
    run: '20261122T190742-1a2b3c',
    pid: 4242,
    started_at: TIME,
    uptime_s: 310_440,
    restarts: 0,
    crash_loop: false,
    crashes_total: 0,
    operator_restarts: 0,
    starts_24h: 1,
    start_budget: 500,
    next_restart_at: null,
    sample: null,
    retry_in_s: null,
    runner: 'atlas',
    description: '',
    ...over,
  }
}

export function stats(over: Partial<DashboardStats> = {}): DashboardStats {
  return {
    bot: 'hello',
    total_users: 18_234,
    bot_uptime: 310_440,
    messages_today: 48_251,
    messages_sent_today: 1_204,
    active_commands: 37,
    dropped_bytes: 0,
    day: '2026-11-22',
    time_zone: 'Europe/Vienna',
    recent_logs: null,
    ...over,
  }
}

export function line(id: number, over: Partial<LogLine> = {}): LogLine {
  return {
    id,
    bot: 'hello',
    run: '20261122T190742-1a2b3c',
    time: TIME,
    stream: 'out',
    level: 'info',
    text: `line ${id}`,
    ...over,
  }
}

export function sample(over: Partial<Sample> = {}): Sample {
  return {
    bot: 'hello',
    run: '20261122T190742-1a2b3c',
    cpu_percent: 3.4,
    memory_bytes: 48.3 * 1e6,
    threads: 4,
    open_files: 19,
    children: 2,
    ...over,
  }
}

export function run(over: Partial<Run> = {}): Run {
  return {
    id: '20261122T180000-aaaaaa',
    bot: 'hello',
    started_at: '2026-11-22T18:00:00Z',
    ended_at: '2026-11-22T18:05:12Z',
    pid: 4100,
    exit_code: 1,
    signal: null,
    reason: 'exited with code 1',
    cause: 'exit',
    operator: '',
    stop_timed_out: false,
    cpu_s: 2.4,
    peak_memory_bytes: 112 * 1e6,
    post_mortem: null,
    ...over,
  }
}

export function runner(over: Partial<RunnerStatus> = {}): RunnerStatus {
  return {
    name: 'atlas',
    host: 'atlas',
    connected: true,
    since: TIME,
    version: '0.2.0',
    bots: 1,
    load: {
      cpus: 8,
      cpu_percent: 12.3,
      load_1m: 0.84,
      memory_total_bytes: 16 * 1e9,
      memory_available_bytes: 11 * 1e9,
      disk_total_bytes: 480 * 1e9,
      disk_free_bytes: 10 * 1e9,
    },
    troubles: [],
    joined: false,
    ...over,
  }
}

/** With everything up to the first update of each topic. */
export function snapshot(over: Partial<Snapshot> = {}, epoch = 'a'): SnapshotMessage {
  const data = {
    server_version: '0.1.0',
    time_zone: 'Europe/Vienna',
    stats_interval_s: 10,
    heartbeat_s: 5,
    operator: { user_id: 'u1', name: 'ana', role: 'admin' as const },
    fleet: { default_bot: 'hello', bots: [status()] },
    stats: stats({ recent_logs: [line(1), line(2)] }),
    runners: [],
    ...over,
  }
  const { bot } = data.stats ?? {}
  const positions = bot ? { overview: 1, [`bot/${bot}`]: 1, [`log/${bot}`]: 1 } : { overview: 1 }
  return { type: 'snapshot', timestamp: TIME, epoch, data: { positions, ...data } }
}

export function resumed(name = 'ana', epoch = 'a'): ResumedMessage {
  return { type: 'resumed', timestamp: TIME, epoch, data: { operator: { user_id: 'u1', name, role: 'admin' } } }
}

export function gap(topic: string, to: number, dropped = 0): GapMessage {
  return { type: 'gap', timestamp: TIME, epoch: 'a', data: { topic, to, dropped } }
}

export function goaway(over: Partial<GoAway> = {}): GoAwayMessage {
  const data = { reason: 'the deck is restarting', after_s: 5, spread_s: 10, ...over }
  return { type: 'goaway', timestamp: TIME, epoch: 'a', data }
}

export function heartbeat(): HeartbeatMessage {
  return { type: 'heartbeat', timestamp: TIME, epoch: 'a', data: {} }
}

/** An update, of its topic the first after a snapshot unless `seq` says otherwise. */
export function message<T extends Update['type']>(type: T, data: Extract<Update, { type: T }>['data'], seq = 2): Update {
  return { type, timestamp: TIME, epoch: 'a', topic: topicOf(type, data), seq, data } as Update
}

function topicOf(type: Update['type'], data: Update['data']): string {
  if (type === 'log' || type === 'dashboard_stats') return `${type === 'log' ? 'log' : 'bot'}/${(data as { bot: string }).bot}`
  return 'overview'
}
