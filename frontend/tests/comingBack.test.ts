import { describe, expect, test } from 'vitest'
import { delayAsTold, hurriedDelay, reconnectDelay } from '../src/services/comingBack'

describe('the next attempt', () => {
  test.each([0, 0.999])('with luck of %d keeps within bounds', (luck) => {
    const delays = Array.from({ length: 2_000 }, (_, failed) => reconnectDelay(failed, luck))

    expect(delays[0]).toBeLessThan(2_000)
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(200)
    expect(Math.max(...delays)).toBeLessThanOrEqual(30_000)
    expect(delays).toEqual(delays.toSorted((a, b) => a - b))
  })

  test('of 5,000 pages is spread evenly over two seconds', () => {
    const delays = Array.from({ length: 5_000 }, (_, page) => reconnectDelay(0, page / 5_000))
    const inTheBusiest = Math.max(
      ...Array.from({ length: 20 }, (_, tenth) => delays.filter((delay) => Math.floor(delay / 100) === tenth).length),
    )

    expect(inTheBusiest).toBeLessThan(300)
  })

  test('comes soon when there is a reason to hurry', () => {
    expect(hurriedDelay(0)).toBe(0)
    expect(hurriedDelay(0.999)).toBeLessThan(1_000)
  })

  test('comes when the deck said', () => {
    expect(delayAsTold({ reason: '', after_s: 3, spread_s: 8 }, 0)).toBe(3_000)
    expect(delayAsTold({ reason: '', after_s: 3, spread_s: 8 }, 0.5)).toBe(7_000)
  })
})
