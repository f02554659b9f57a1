/** A reason such as `exited with code 1` as a sentence: it begins with a capital and ends with a full stop. */
export function sentence(words: string): string {
  const trimmed = words.trim()
  if (!trimmed) return ''
  const begun = trimmed.charAt(0).toUpperCase() + trimmed.slice(1)
  return /[.!?…]$/.test(begun) ? begun : `${begun}.`
}

/** `1 crash`, `2 crashes`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${NUMBER.format(count)} ${count === 1 ? one : many}`
}

export const NUMBER = new Intl.NumberFormat('en')
