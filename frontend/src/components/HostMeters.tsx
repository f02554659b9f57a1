import { bytes, evenBytes } from '../lib/bytes'
import { levelOf } from '../lib/levels'
import { percent } from '../lib/percent'
import { counted } from '../lib/sentences'
import type { HostLoad } from '../types/api.gen'
import classes from './HostMeters.module.css'
import { Meter } from './Meter'

/** How busy the host is, as its runner told last. */
export function HostMeters({ load, connected, old }: { load: HostLoad | null; connected: boolean; old: boolean }) {
  if (!load) return <p className={classes.none}>{connected ? 'Its load is not told yet.' : 'Its load was never told.'}</p>
  const cpu = load.cpu_percent
  const memoryUsed = load.memory_total_bytes - load.memory_available_bytes
  const diskUsed = load.disk_total_bytes - load.disk_free_bytes
  return (
    <dl className={classes.meters} data-old={old || undefined}>
      <Row
        name="CPU"
        value={cpu === null ? '–' : percent(cpu)}
        rest={`of ${counted(load.cpus, 'core')}`}
        share={cpu === null ? null : cpu / 100}
        calm
      />
      <Row
        name="Load, 1 min"
        value={load.load_1m.toFixed(2)}
        rest={`on ${counted(load.cpus, 'core')}`}
        share={load.load_1m / Math.max(1, load.cpus)}
        calm
      />
      <Row
        name="Memory"
        value={bytes(load.memory_available_bytes)}
        rest={`free of ${evenBytes(load.memory_total_bytes)}`}
        share={memoryUsed / Math.max(1, load.memory_total_bytes)}
      />
      <Row
        name="Disk"
        value={bytes(load.disk_free_bytes)}
        rest={`free of ${evenBytes(load.disk_total_bytes)}`}
        share={diskUsed / Math.max(1, load.disk_total_bytes)}
      />
    </dl>
  )
}

interface RowProps {
  name: string
  value: string
  rest: string
  /** Null while it is not known: no bar then. */
  share: number | null
  /** A busy processor is no shortage: only what runs out is coloured. */
  calm?: boolean
}

function Row({ name, value, rest, share, calm = false }: RowProps) {
  return (
    <div className={classes.row}>
      <dt className={classes.name}>{name}</dt>
      <dd>
        <span className={classes.value}>{value}</span> <span className={classes.rest}>{rest}</span>
        {share !== null && (
          <Meter label={name} share={share} level={calm ? 'calm' : levelOf(share)} said={`${value} ${rest}`} />
        )}
      </dd>
    </div>
  )
}
