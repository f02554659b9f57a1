import { describe, expect, test } from 'vitest'
import { pieces } from '../src/lib/ansi'

const ESC = '\u001b'
const text = (line: string) =>
  pieces(line)
    .map((piece) => piece.text)
    .join('')

describe('colours', () => {
  test('begin and end where the bot said', () => {
    expect(pieces(`a ${ESC}[32mgreen${ESC}[0m b`)).toEqual([
      { text: 'a ', colour: null, bold: false, dim: false },
      { text: 'green', colour: 2, bold: false, dim: false },
      { text: ' b', colour: null, bold: false, dim: false },
    ])
  })

  test('of the bright half and of the 256 are known as far as sixteen', () => {
    expect(pieces(`${ESC}[1;91mx${ESC}[22;38;5;4my${ESC}[38;5;200mz`)).toMatchObject([
      { text: 'x', colour: 9, bold: true },
      { text: 'y', colour: 4, bold: false },
      { text: 'z', colour: null },
    ])
  })

  test('of 24 bits leave no numbers behind', () => {
    expect(pieces(`${ESC}[38;2;255;1;31mx`)).toMatchObject([{ text: 'x', colour: null, bold: false }])
  })
})

describe('what is not text', () => {
  test('such as cursor moves, titles and links is left out', () => {
    expect(text(`${ESC}[2J${ESC}[1;1Hhere${ESC}]0;title\u0007 ${ESC}]8;;http://x${ESC}\\link${ESC}]8;;${ESC}\\`)).toBe('here link')
  })

  test('such as a bell or a lone escape is shown, so that nobody is fooled', () => {
    expect(text('a\u0007b\u007fc\u0000')).toBe('a^Gb^?c^@')
  })

  test('and turns text around is shown by its number', () => {
    expect(text('\u202egnp.exe\u200b')).toBe('<U+202E>gnp.exe<U+200B>')
  })

  test('but a tab is text, and the return of a Windows line end is nothing', () => {
    expect(text('a\tb\r')).toBe('a\tb')
  })
})

test('markup stays the characters it is made of', () => {
  expect(text('<b onclick=x>&amp;')).toBe('<b onclick=x>&amp;')
})
