import { describe, expect, test } from 'vitest'
import { endInWords, toneOf, unended } from '../src/lib/ends'
import { evidenceOf } from '../src/lib/evidence'
import { lookOf, word } from '../src/lib/states'
import { storyOf } from '../src/lib/story'
import { run, status } from './support/messages'

const ALONE = { retryInS: null, away: null }

describe('the story of a bot', () => {
  test('that does what it should needs no words', () => {
    expect(storyOf(status(), ALONE)).toBeNull()
    expect(storyOf(status({ state: 'stopped', reason: 'stopped by ana' }), ALONE)).toBeNull()
  })

  test('in a crash loop says so and counts down to the next try', () => {
    const loop = status({ state: 'backoff', crash_loop: true, reason: 'exited with code 1 after 0.3 s' })

    expect(storyOf(loop, { ...ALONE, retryInS: 41.2 })).toEqual({
      what: 'Crashing again and again: exited with code 1 after 0.3 s.',
      next: 'Next try in 42 s.',
    })
    expect(word(loop)).toBe('Crash loop')
    expect(lookOf(loop)).toBe('failed')
  })

  test('that runs after a crash loop is on trial, and not green', () => {
    const trial = status({ crash_loop: true })

    expect(storyOf(trial, ALONE)?.what).toMatch(/^On trial/)
    expect([word(trial), lookOf(trial)]).toEqual(['Running', 'warning'])
  })

  test('in backoff tells the crash and the countdown, and promises no moment that nobody knows', () => {
    const backoff = status({ state: 'backoff', reason: 'ended by SIGSEGV after 14.2 s' })

    expect(storyOf(backoff, { ...ALONE, retryInS: 2 })?.next).toBe('Starts again in 2 s.')
    expect(storyOf(backoff, { ...ALONE, retryInS: -0.2 })?.next).toBe('Starting again now…')
    expect(storyOf(backoff, ALONE)?.next).toBe('It is started again by itself.')
  })

  test('that failed says what to do, and otherwise when only its budget is spent', () => {
    const failed = status({ state: 'failed', reason: "no program 'pyton3'", starts_24h: 3 })
    const spent = status({ state: 'failed', reason: '500 starts in 24 h', starts_24h: 500 })

    expect(storyOf(failed, ALONE)).toEqual({
      what: "No program 'pyton3'.",
      next: 'It is not tried again by itself. Put right what is wrong, then start it.',
    })
    expect(storyOf(spent, ALONE)?.next).toMatch(/No start is left in its budget.*by hand works/)
  })

  test('of an unknown one names the host and the age of the silence', () => {
    const unknown = status({ state: 'unknown', reason: 'no contact with runner local' })

    expect(storyOf(unknown, { ...ALONE, away: { host: 'atlas', seconds: 190 } })?.what).toBe('No contact with host atlas for 3 min.')
    expect(storyOf(unknown, { ...ALONE, away: { host: 'atlas', seconds: null } })?.what).toBe('No contact with host atlas.')
    expect(storyOf(unknown, ALONE)?.what).toBe('No contact with runner local.')
  })

  test('that is deaf says why', () => {
    expect(storyOf(status({ state: 'unhealthy', reason: 'no heartbeat for 75 s' }), ALONE)?.what).toBe(
      'No heartbeat for 75 s.',
    )
  })
})

describe('a run', () => {
  const open = run({ id: 'r2', ended_at: null, exit_code: null, reason: '', cause: null })

  test('that lives is named after the bot’s state', () => {
    const now = unended('r2', status({ run: 'r2', state: 'unhealthy' }), false)

    expect(endInWords(open, now)).toBe('Unhealthy')
    expect(now.look).toBe('warning')
  })

  test.each([
    ['the page is not live', status({ run: 'r2' }), true],
    ['its host is out of contact', status({ run: 'r2', state: 'unknown' }), false],
    ['nothing was heard yet', undefined, false],
  ])('is neither running nor over while %s', (_why, seen, stale) => {
    const now = unended('r2', seen, stale)

    expect(endInWords(open, now)).toBe('Running when last seen')
    expect(now).toMatchObject({ look: 'unknown', lives: false })
  })

  test('whose end is not told yet is not said to run', () => {
    expect(endInWords(open, unended('r2', status({ run: 'r2', state: 'backoff' }), false))).toMatch(/^Over/)
  })

  test('that ended well, by order, by a watch or badly looks different', () => {
    const tone = (over: Parameters<typeof run>[0]) => toneOf(run(over), { lives: false })

    expect(tone({ exit_code: 0 })).toBe('plain')
    expect(tone({ cause: 'operator', signal: 'SIGTERM', exit_code: null })).toBe('asked')
    expect(tone({ cause: 'unhealthy' })).toBe('watched')
    expect(tone({ cause: 'oom' })).toBe('wrong')
    expect(tone({ cause: null })).toBe('unseen')
  })

  test('leaves its evidence as text that can be sent', () => {
    const text = evidenceOf(
      run({
        post_mortem: {
          last_output: ['one', 'boom'],
          last_log: [],
          last_commands: [
            { name: 'weather', user: 'ana', started_at: '2026-11-22T18:05:00Z', duration_ms: 812, outcome: 'ok' },
            { name: 'forecast', user: null, started_at: '2026-11-22T18:05:11Z', duration_ms: null, outcome: null },
          ],
          memory: [
            { at_s: 0, bytes: 40 * 1e6 },
            { at_s: 312, bytes: 112 * 1e6 },
          ],
        },
      }),
    )

    expect(text).toContain('Ended:          Exited with code 1\n')
    expect(text).toContain('Lasted:         5 min 12 s\n')
    expect(text).toContain('--- Last output\none\nboom\n')
    expect(text).not.toContain('logging handler')
    expect(text).toContain('2026-11-22T18:05:00Z weather by ana 812 ms ok\n2026-11-22T18:05:11Z forecast not finished')
    expect(text).toContain('40.0 MB after 0.0 s, 112 MB after 5 min 12 s')
  })
})
