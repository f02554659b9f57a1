// The same as orders.py and message.py, for Node.

import { createInterface } from 'node:readline'

const BOTS = 10
const template = JSON.parse(process.argv[3])

/** Published now, and another one each time, like those of message.py. */
export function message(number) {
  const nanoseconds = process.hrtime.bigint().toString().padStart(16, '0')
  const now = new Date().toISOString().replace('Z', '000Z')
  const data = {
    bot: `bot-${number % BOTS}`,
    since: now,
    reason: `#fan ${String(number).padStart(7, '0')} ${nanoseconds}#`,
    started_at: now,
  }
  return { ...template, timestamp: now, seq: 10_000 + number, data: { ...template.data, ...data } }
}

export function obey(publish) {
  createInterface({ input: process.stdin }).on('line', (line) => {
    const [first, count] = line.split(' ').map(Number)
    for (let number = first; number < first + count; number++) publish(number)
  })
}
