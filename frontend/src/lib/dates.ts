/** Times of day and dates in the browser's zone. A day is written 22 Nov, which no country reads the other way round. */

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' })
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' })
const full = new Intl.DateTimeFormat('en-GB', {
  weekday: 'short',
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
  timeZoneName: 'short',
})

/** `19:07:42` */
export function timeOfDay(at: Date | number | string): string {
  return clock.format(new Date(at))
}

/** `Sun, 22 Nov 2026, 19:07:42 CET` */
export function dateAndTime(at: Date | number | string): string {
  return full.format(new Date(at))
}

/** `19:07` on the same day as `now`, else `22 Nov, 19:07`, with the year when it is another. */
export function shortTime(at: Date | number | string, now: number): string {
  const then = new Date(at)
  const time = clock.format(then).slice(0, 5)
  if (then.getFullYear() !== new Date(now).getFullYear()) return `${day.format(then)} ${then.getFullYear()}, ${time}`
  return day.format(then) === day.format(now) ? time : `${day.format(then)}, ${time}`
}

/** `22 Nov, 19:07:42`: what happened long ago, to the second. */
export function dayAndTime(at: Date | number | string): string {
  const then = new Date(at)
  return `${day.format(then)}, ${clock.format(then)}`
}

/** A calendar day such as `2026-11-22`, as `Sunday, 22 November 2026`. It is a day, not a moment: no zone moves it. */
export function calendarDay(iso: string): string {
  const date = new Date(`${iso}T00:00:00Z`)
  if (Number.isNaN(date.getTime())) return iso
  return new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeZone: 'UTC' }).format(date)
}

/** When the run began, which its id says (`20261122T190742-1a2b3c`, UTC); null for an id of another form. */
export function runStart(run: string): Date | null {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)-/.exec(run)
  if (!parts) return null
  const [, year, month, date, hours, minutes, seconds] = parts
  return new Date(`${year}-${month}-${date}T${hours}:${minutes}:${seconds}Z`)
}
