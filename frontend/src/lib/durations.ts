/** Uptime as the cards show it: `86h 14m`. Minutes are cut, not rounded, so that it never runs ahead. */
export function hoursMinutes(seconds: number): string {
  const minutes = Math.floor(Math.max(0, seconds) / 60)
  return `${Math.floor(minutes / 60)}h ${minutes % 60}m`
}

/** A short duration in words: `just now`, `42 s`, `5 min`, `3 h`, `2 d`. */
export function roughly(seconds: number): string {
  if (seconds < 1) return 'just now'
  if (seconds < 60) return `${Math.floor(seconds)} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`
  return `${Math.floor(seconds / 86_400)} d`
}

/** Whole seconds of a countdown: never "0 s" while it still runs. */
export function countdown(seconds: number): string {
  return `${Math.max(1, Math.ceil(seconds))} s`
}

/** How long something took, with two units at most: `40 ms`, `0.3 s`, `42 s`, `5 min 12 s`, `3 h 14 min`, `2 d 4 h`. */
export function lasted(seconds: number): string {
  if (seconds > 0 && seconds < 0.0995) return `${Math.ceil(seconds * 1000)} ms`
  if (seconds < 9.95) return `${Math.max(0, seconds).toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return pair(Math.floor(whole / 60), 'min', whole % 60, 's')
  if (whole < 86_400) return pair(Math.floor(whole / 3600), 'h', Math.floor((whole % 3600) / 60), 'min')
  return pair(Math.floor(whole / 86_400), 'd', Math.floor((whole % 86_400) / 3600), 'h')
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`
}

/** How long a command took: `44 ms`, `1.2 s`, `3 min 4 s`. */
export function took(milliseconds: number): string {
  return milliseconds < 999.5 ? `${Math.round(milliseconds)} ms` : lasted(milliseconds / 1000)
}
