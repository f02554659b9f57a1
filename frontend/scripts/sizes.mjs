// Prints what a browser loads, gzipped, and fails when the first page costs more than its budget (KB).
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const BUDGET = { js: 210, css: 45 }
const folder = fileURLToPath(new URL('../../src/botdeck/deck/static/', import.meta.url))
const kilobytes = (name) => gzipSync(readFileSync(`${folder}assets/${name}`)).length / 1024

const html = readFileSync(`${folder}index.html`, 'utf8')
const total = { js: 0, css: 0 }
for (const name of readdirSync(`${folder}assets`)) {
  const kind = name.split('.').pop()
  if (!(kind in total)) continue
  const size = kilobytes(name)
  const first = html.includes(name)
  if (first) total[kind] += size
  console.log(`${size.toFixed(1).padStart(7)} KB gz  ${name}${first ? '' : '  (later)'}`)
}
console.log(`First page: ${total.js.toFixed(0)} KB of JavaScript (budget ${BUDGET.js}), ${total.css.toFixed(0)} KB of CSS (${BUDGET.css}).`)
if (total.js > BUDGET.js || total.css > BUDGET.css) process.exit(1)
