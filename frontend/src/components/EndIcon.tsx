import {
  IconBan,
  IconBolt,
  IconBomb,
  IconCalendarTime,
  IconDoorExit,
  IconEarOff,
  IconEyeOff,
  IconGauge,
  IconPower,
  IconServerOff,
  IconSettings,
  IconUser,
} from '@tabler/icons-react'
import { toneOf, type Unended } from '../lib/ends'
import type { Cause, Run } from '../types/api.gen'
import classes from './EndIcon.module.css'
import { StateIcon } from './StateIcon'

const ICONS: Record<Cause, typeof IconBan> = {
  exit: IconDoorExit,
  signal: IconBolt,
  oom: IconBomb,
  operator: IconUser,
  schedule: IconCalendarTime,
  unhealthy: IconEarOff,
  memory: IconGauge,
  configuration: IconSettings,
  runner: IconPower,
  cannot_start: IconBan,
  host: IconServerOff,
  unseen: IconEyeOff,
}

/** The kind of a run's end, or the look of a run that goes on. The words stand beside it. */
export function EndIcon({ run, now, size = 18 }: { run: Run; now: Unended; size?: number }) {
  if (run.ended_at === null) return <StateIcon look={now.look} size={size} />
  const Icon = ICONS[run.cause ?? 'unseen']
  return <Icon className={classes.icon} data-tone={toneOf(run, now)} size={size} stroke={1.7} aria-hidden />
}
