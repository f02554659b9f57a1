import { type KeyboardEvent, type PointerEvent, useState } from 'react'
import { byteMarks, timeMarks } from '../lib/axes'
import { bytes, evenBytes } from '../lib/bytes'
import { lasted } from '../lib/durations'
import type { MemoryPoint } from '../types/api.gen'
import classes from './MemoryChart.module.css'

/** Of the drawing; it is stretched to its place, and lines keep their width. */
const WIDTH = 1000
const HEIGHT = 200
const STRIDE = 10

/** The memory of a run over its life. The value at a moment is shown under the pointer or by the arrow keys. */
export function MemoryChart({ points }: { points: readonly MemoryPoint[] }) {
  const [at, setAt] = useState<number | null>(null)
  const last = points.at(-1)
  if (!last || points.length < 2) return <p className={classes.none}>The run was too short for a curve.</p>

  const longest = last.at_s
  const most = Math.max(...points.map((point) => point.bytes))
  const levels = byteMarks(most)
  const top = levels.at(-1) ?? most
  const x = ({ at_s: second }: MemoryPoint) => (second / longest) * WIDTH
  const y = ({ bytes: amount }: MemoryPoint) => HEIGHT - (amount / top) * HEIGHT
  const line = points.map((point) => `${x(point).toFixed(1)},${y(point).toFixed(1)}`).join(' ')
  const first = points[0] ?? last
  const chosen = at === null ? undefined : points[at]
  const move = (to: number) => {
    setAt(Math.min(points.length - 1, Math.max(0, to)))
  }

  return (
    <div className={classes.chart}>
      <p className={classes.value}>
        {chosen ? (
          <>
            <strong>{bytes(chosen.bytes)}</strong> after {lasted(chosen.at_s)}
          </>
        ) : (
          <>
            <strong>{bytes(last.bytes)}</strong> at the end, {bytes(most)} at most
          </>
        )}
      </p>
      <div
        className={classes.plot}
        role="slider"
        aria-label="Memory over the run"
        aria-valuemin={0}
        aria-valuemax={points.length - 1}
        aria-valuenow={at ?? points.length - 1}
        aria-valuetext={inWords(chosen ?? last)}
        aria-readonly
        tabIndex={0}
        onKeyDown={(event) => {
          const to = target(event, at ?? points.length - 1, points.length)
          if (to !== null) move(to)
        }}
        onPointerMove={(event) => {
          move(nearest(points, shareOf(event) * longest))
        }}
        onPointerDown={(event) => {
          move(nearest(points, shareOf(event) * longest))
        }}
        onPointerLeave={() => {
          setAt(null)
        }}
        onBlur={() => {
          setAt(null)
        }}
      >
        <svg className={classes.drawing} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden>
          {levels.map((level) => (
            <line key={level} className={classes.grid} x1={0} x2={WIDTH} y1={HEIGHT - (level / top) * HEIGHT} y2={HEIGHT - (level / top) * HEIGHT} />
          ))}
          <polygon className={classes.area} points={`${x(first)},${HEIGHT} ${line} ${WIDTH},${HEIGHT}`} />
          <polyline className={classes.line} points={line} />
          {chosen && <line className={classes.cursor} x1={x(chosen)} x2={x(chosen)} y1={0} y2={HEIGHT} />}
        </svg>
        {chosen && (
          <span
            className={classes.dot}
            style={{ left: `${(x(chosen) / WIDTH) * 100}%`, top: `${(y(chosen) / HEIGHT) * 100}%` }}
            aria-hidden
          />
        )}
      </div>
      <div className={classes.levels} aria-hidden>
        {levels.map((level) => (
          <span key={level} style={{ bottom: `${(level / top) * 100}%` }}>
            {level === 0 ? '0' : evenBytes(level)}
          </span>
        ))}
      </div>
      <div className={classes.times} aria-hidden>
        {timeMarks(longest).map((mark) => (
          <span key={mark} style={{ left: `${(mark / longest) * 100}%` }}>
            {mark === 0 ? 'start' : lasted(mark)}
          </span>
        ))}
      </div>
    </div>
  )
}

function inWords(point: MemoryPoint): string {
  return `${bytes(point.bytes)} after ${lasted(point.at_s)}`
}

/** 0 at the left edge of what the pointer is over, 1 at its right. */
function shareOf({ currentTarget, clientX }: PointerEvent<HTMLElement>): number {
  const { left, width } = currentTarget.getBoundingClientRect()
  return width === 0 ? 1 : Math.min(1, Math.max(0, (clientX - left) / width))
}

function nearest(points: readonly MemoryPoint[], second: number): number {
  const after = points.findIndex((point) => point.at_s >= second)
  if (after <= 0) return after === 0 ? 0 : points.length - 1
  const before = points[after - 1]?.at_s ?? 0
  const next = points[after]?.at_s ?? 0
  return second - before < next - second ? after - 1 : after
}

/** Where a key leads; null for a key that is none of ours. */
function target(event: KeyboardEvent, at: number, count: number): number | null {
  const steps: Record<string, number> = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -STRIDE, PageUp: STRIDE, Home: -count, End: count }
  const step = steps[event.key]
  if (step === undefined) return null
  event.preventDefault()
  return at + step
}
