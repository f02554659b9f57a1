const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const

/** An amount of memory or disk: `412 MB`, `12.4 MB`, `3 kB`. A megabyte is a million bytes, as in botdeck.toml and in the runner's sentences. */
export function bytes(amount: number): string {
  let left = Math.max(0, amount)
  let unit = 0
  // At 999.5 it would be written as 1000, which is one unit further.
  while (left >= 999.5 && unit < UNITS.length - 1) {
    left /= 1000
    unit += 1
  }
  const digits = unit < 2 || left >= 99.95 ? 0 : 1
  return `${left.toFixed(digits)} ${UNITS[unit] ?? 'TB'}`
}

/** The same without a digit that says nothing, for what does not change from second to second: `16 GB`, `1.5 GB`. */
export function evenBytes(amount: number): string {
  return bytes(amount).replace('.0 ', ' ')
}
