import { describe, expect, test } from 'vitest'
import { countdown, hoursMinutes } from '../src/lib/durations'

describe('uptime', () => {
  test.each([
    [0, '0h 0m'],
    [0.4, '0h 0m'],
    [59.99, '0h 0m'],
    [60, '0h 1m'],
    [3599.9, '0h 59m'],
    [3600, '1h 0m'],
    [9000, '2h 30m'],
    [86_399, '23h 59m'],
    [310_440, '86h 14m'],
    [-3, '0h 0m'],
  ])('of %d seconds is written %s', (seconds, written) => {
    expect(hoursMinutes(seconds)).toBe(written)
  })
})

test.each([
  [2, '2 s'],
  [1.2, '2 s'],
  [0.01, '1 s'],
])('a countdown with %d seconds left says %s', (seconds, written) => {
  expect(countdown(seconds)).toBe(written)
})
