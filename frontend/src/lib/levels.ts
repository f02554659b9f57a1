/** How worrying it is that so much of something is used. */
export type Level = 'calm' | 'high' | 'full'

const HIGH = 0.8

/** What of a day's starts is used, with a word where the number alone says too little. */
export function budgetUse(starts: number, budget: number | null): { level: Level; words: string } {
  if (budget === null || starts < HIGH * budget) return { level: 'calm', words: '' }
  return starts < budget ? { level: 'high', words: 'nearly spent' } : { level: 'full', words: 'spent' }
}

/** The share of a host's memory or disk that is used. */
export function levelOf(share: number): Level {
  if (share < HIGH) return 'calm'
  return share < 0.95 ? 'high' : 'full'
}
