// The same as paced.py, for Node: publishing as ordered on the standard input, "FIRST COUNT PACE_US BURST".

import { createInterface } from 'node:readline'

const template = JSON.parse(process.argv[3])

/** Published now. */
export function message(number) {
  const nanoseconds = process.hrtime.bigint().toString().padStart(16, '0')
  const reason = `#fan ${String(number).padStart(7, '0')} ${nanoseconds}#`
  return { ...template, data: { ...template.data, reason } }
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
