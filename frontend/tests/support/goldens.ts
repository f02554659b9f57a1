import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Operator, ServerMessage } from '../../src/types/api.gen'

/** Messages as a deck sends them, and what a page knows after them. */
interface Golden {
  title: string
  messages: ServerMessage[]
  expect: Known
  /** A snapshot after which a page knows the same. */
  same_as?: ServerMessage
}

export interface Known {
  order: string[] | null
  default_bot: string | null
  operator?: Operator | null
  bots: Record<string, Record<string, unknown>>
  /** Ids by bot. */
  logs: Record<string, number[]>
  gaps: Record<string, [number, number]>
  runners?: readonly unknown[] | null
}

// Python reads the same files: what it would send is what this understands.
const folder = join(import.meta.dirname, '../../../tests/golden/live')

export const goldens = readdirSync(folder).map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Golden)
