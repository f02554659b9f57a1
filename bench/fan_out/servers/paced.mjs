// The same as paced.py, for Node: publishing as ordered on the standard input, "FIRST COUNT PACE_US BURST".

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
    runner: `runner-${number % BOTS}`,
  }
  return { ...template, timestamp: now, seq: 10_000 + number, data: { ...template.data, ...data } }
}

export function obey(publish) {
  createInterface({ input: process.stdin })
    .on('line', (line) => publishAll(publish, ...line.split(' ').map(Number)))
    .on('close', () => process.exit())
}

async function publishAll(publish, first, count, paceUs, burst) {
  let due = performance.now()
  for (let begin = first; begin < first + count; begin += burst) {
    for (let number = begin; number < Math.min(begin + burst, first + count); number++) publish(number)
    due = Math.max(due + paceUs / 1000, performance.now())
    await new Promise((done) => setTimeout(done, due - performance.now()))
  }
}
