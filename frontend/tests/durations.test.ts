import { describe, expect, test } from 'vitest'
import { countdown, hoursMinutes, lasted, took } from '../src/lib/durations'

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

test.each([
  [0.0378, '38 ms'],
  [0.26, '0.3 s'],
  [42.4, '42 s'],
  [59.7, '1 min'],
  [312, '5 min 12 s'],
  [11_640, '3 h 14 min'],
  [187_200, '2 d 4 h'],
  [-1, '0.0 s'],
])('what lasted %d seconds is said to have lasted %s', (seconds, written) => {
  expect(lasted(seconds)).toBe(written)
})

test.each([
  [3.1, '3 ms'],
  [999.6, '1.0 s'],
  [64_000, '1 min 4 s'],
])('a command of %d milliseconds took %s', (milliseconds, written) => {
  expect(took(milliseconds)).toBe(written)
})
