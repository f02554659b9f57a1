import { expect, test } from 'vitest'
import { calendarDay, runStart, shortTime } from '../src/lib/dates'

test('a calendar day is the same day in every zone', () => {
  expect(calendarDay('2026-11-22')).toBe('Sunday, 22 November 2026')
})

test('a day that is none is shown as it came', () => {
  expect(calendarDay('soon')).toBe('soon')
})

test('the id of a run says when it began', () => {
  expect(runStart('20261122T190742-1a2b3c')?.toISOString()).toBe('2026-11-22T19:07:42.000Z')
})

test('an id of another form says nothing', () => {
  expect(runStart('first')).toBeNull()
})

test('the time of today needs no date, that of another day does', () => {
  const now = new Date(2026, 10, 22, 20, 0).getTime()

  expect(shortTime(new Date(2026, 10, 22, 7, 5), now)).toBe('07:05')
  expect(shortTime(new Date(2026, 10, 19, 4, 13), now)).toBe('19 Nov, 04:13')
  expect(shortTime(new Date(2025, 10, 22, 4, 13), now)).toBe('22 Nov 2025, 04:13')
})
