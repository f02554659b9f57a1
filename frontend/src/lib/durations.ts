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
