import { describe, expect, test } from 'vitest'
import { afterGap, afterUpdate, type Positions, positionsOf, resumeOf, type Update, verdict } from '../src/services/positions'
import type { ServerMessage } from '../src/types/api.gen'
import { goldens } from './support/goldens'
import { gap, message, snapshot, stats, status } from './support/messages'

const begun = positionsOf(snapshot())
const changed = (seq: number) => message('bot_status', status(), seq)

function told(to: number, positions = begun): Positions {
  return afterGap(positions, gap('overview', to)) ?? positions
}

describe('an update', () => {
  test.each([
    ['was had already', begun, changed(1), 'drop'],
    ['is the next', begun, changed(2), 'take'],
    ['leaves one out', begun, changed(3), 'hole'],
    ['is within what was told', told(5), changed(3), 'take'],
    ['ends what was told', told(5), changed(5), 'take'],
    ['is the next after what was told', told(5), changed(6), 'take'],
    ['is further on than was told', told(5), changed(7), 'hole'],
    ['was had before the gap', told(5), changed(1), 'drop'],
    ['was had within the gap', afterUpdate(told(5), changed(4)), changed(3), 'drop'],
    ['is the next after a gap that is over', afterUpdate(told(5), changed(6)), changed(7), 'take'],
    ['leaves one out after a gap that is over', afterUpdate(told(5), changed(6)), changed(8), 'hole'],
    ['follows on the longer of two gaps', told(3, told(9)), changed(10), 'take'],
    ['is of a topic that is not followed', begun, message('dashboard_stats', stats({ bot: 'news' }), 7), 'drop'],
    ['is of another life of the deck', begun, { ...changed(2), epoch: 'b' }, 'hole'],
  ] as [string, Positions, Update, string][])('that %s', (_what, positions, update, expected) => {
    expect(verdict(positions, update)).toBe(expected)
  })
})

describe('a gap', () => {
  test('moves nothing in another topic', () => {
    expect(verdict(told(5), message('dashboard_stats', stats(), 3))).toBe('hole')
  })

  test('of a topic that is not followed, or of another life of the deck, is not minded', () => {
    expect(afterGap(begun, gap('log/news', 5))).toBeNull()
    expect(afterGap(begun, { ...gap('overview', 5), epoch: 'b' })).toBeNull()
  })
})

describe('coming back', () => {
  test('goes on from what was had, not from what was only told of', () => {
    const positions = { overview: 3, 'bot/hello': 1, 'log/hello': 1 }

    expect(resumeOf(afterUpdate(told(9), changed(3)), 'hello')).toEqual({ epoch: 'a', positions })
    expect(resumeOf(afterUpdate(told(9), changed(3)), null)).toEqual({ epoch: 'a', positions })
  })

  test('is a beginning for a bot that was not followed', () => {
    expect(resumeOf(begun, 'news')).toBeNull()
    expect(resumeOf(positionsOf(snapshot({ stats: stats({ bot: 'news' }) })), null)).toBeNull()
    expect(resumeOf(positionsOf(snapshot({ fleet: { default_bot: null, bots: [] }, stats: null })), null)).toBeNull()
  })
})

test.each(goldens.map(({ title, messages }) => [title, messages] as const))('Nothing is missing untold: %s', (_title, messages) => {
  expect(verdicts(messages)).toEqual(messages.flatMap((each) => ('seq' in each ? ['take'] : [])))
})

function verdicts(messages: ServerMessage[]): string[] {
  let positions = begun
  return messages.flatMap((each) => {
    if (each.type === 'snapshot') positions = positionsOf(each)
    if (each.type === 'gap') positions = afterGap(positions, each) ?? positions
    if (!('seq' in each)) return []
    const found = verdict(positions, each)
    positions = afterUpdate(positions, each)
    return [found]
  })
}
