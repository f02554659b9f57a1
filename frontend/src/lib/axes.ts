/** Round numbers for the axes of a chart. */

const MOST_STEPS = 4
const ROUND = [1, 2, 5, 10, 20, 50, 100, 200, 500]
const MINUTE = 60
const HOUR = 3600
const DAY = 86_400
const TIMES = [
  0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30,
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE),
  ...[1, 2, 3, 6, 12].map((hours) => hours * HOUR),
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500].map((days) => days * DAY),
]

/** Marks of a time axis within 0 to `longest` seconds. */
export function timeMarks(longest: number): number[] {
  const step = TIMES.find((each) => longest / each <= MOST_STEPS + 1) ?? longest
  return marks(step, Math.floor(longest / step + 1e-9))
}

/** Marks of an axis of bytes from 0, the last of them at or above `most`. */
export function byteMarks(most: number): number[] {
  const unit = 1000 ** Math.max(1, Math.floor(Math.log10(Math.max(1, most)) / 3))
  const step = unit * (ROUND.find((each) => most / unit / each <= MOST_STEPS) ?? Math.ceil(most / unit / MOST_STEPS))
  return marks(step, Math.max(1, Math.ceil(most / step)))
}

function marks(step: number, count: number): number[] {
  return Array.from({ length: count + 1 }, (_, index) => index * step)
}
