import { describe, expect, test } from 'vitest'
import { byteMarks, timeMarks } from '../src/lib/axes'
import { bytes, evenBytes } from '../src/lib/bytes'
import { budgetUse, levelOf } from '../src/lib/levels'
import { percent } from '../src/lib/percent'

const MB = 1e6

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1 kB'],
  [12.4 * MB, '12.4 MB'],
  [412 * MB, '412 MB'],
  [999.6 * MB, '1.0 GB'],
  [16_000 * MB, '16.0 GB'],
])('%d bytes are written %s', (amount, written) => {
  expect(bytes(amount)).toBe(written)
})

test('an amount that stands still needs no digit that says nothing', () => {
  expect(evenBytes(16_000 * MB)).toBe('16 GB')
  expect(evenBytes(1500 * MB)).toBe('1.5 GB')
})

test.each([
  [0.04, '0.0 %'],
  [9.94, '9.9 %'],
  [9.96, '10 %'],
  [412, '412 %'],
])('%d percent are written %s', (value, written) => {
  expect(percent(value)).toBe(written)
})

describe('the start budget', () => {
  test.each([
    [12, 500, 'calm', ''],
    [399, 500, 'calm', ''],
    [400, 500, 'high', 'nearly spent'],
    [500, 500, 'full', 'spent'],
    [501, 500, 'full', 'spent'],
    [9999, null, 'calm', ''],
  ])('with %d of %s starts is %s', (starts, budget, level, words) => {
    expect(budgetUse(starts, budget)).toEqual({ level, words })
  })
})

test('a disk that is nearly full is high, and one that is full is full', () => {
  expect([0.5, 0.8, 0.95].map(levelOf)).toEqual(['calm', 'high', 'full'])
})

describe('the axes of a chart', () => {
  test.each([
    [161 * MB, [0, 50, 100, 150, 200].map((each) => each * MB)],
    [3 * MB, [0, 1, 2, 3].map((each) => each * MB)],
    [1000 * MB, [0, 1000 * MB]],
  ])('for %d bytes end above it in round steps', (most, marks) => {
    expect(byteMarks(most)).toEqual(marks)
  })

  test.each([
    [11_543, [0, 3600, 7200, 10_800]],
    [3, [0, 1, 2, 3]],
    [86_400 * 9, [0, 2, 4, 6, 8].map((each) => each * 86_400)],
  ])('of %d seconds are marked in steps that people count in', (longest, marks) => {
    expect(timeMarks(longest)).toEqual(marks)
  })
})
