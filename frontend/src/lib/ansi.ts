/** Turns what a bot printed into pieces of plain text with a colour each. Nothing here is ever treated as HTML. */

export interface Piece {
  text: string
  /** 0 to 15, the terminal's palette; null for the usual colour. */
  colour: number | null
  bold: boolean
  dim: boolean
}

type Style = Omit<Piece, 'text'>

const PLAIN: Style = { colour: null, bold: false, dim: false }

// CSI sequences (colours and cursor moves), OSC sequences (titles, links) and the two-character escapes.
// eslint-disable-next-line no-control-regex
const ESCAPES = /\x1b\[([0-9;:?<=>]*)[ -/]*([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-Z\\^-~]/g

// C0 and C1 controls but tab, and the characters that reorder or hide text around them.
// eslint-disable-next-line no-control-regex
const INVISIBLE = /[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

export function pieces(line: string): Piece[] {
  const found: Piece[] = []
  let style = PLAIN
  let from = 0
  for (const escape of line.matchAll(ESCAPES)) {
    add(found, line.slice(from, escape.index), style)
    from = escape.index + escape[0].length
    if (escape[2] === 'm') style = restyled(style, escape[1] ?? '')
  }
  add(found, line.slice(from).replace(/\r$/, ''), style)
  return found
}

/** Control characters as terminals write them (^G, ^[), and those that hide or reorder text by their number. */
export function visible(text: string): string {
  return text.replace(INVISIBLE, (character) => {
    const code = character.charCodeAt(0)
    if (code < 0x20) return `^${String.fromCharCode(code + 0x40)}`
    if (code === 0x7f) return '^?'
    return `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`
  })
}

function add(found: Piece[], text: string, style: Style): void {
  if (text) found.push({ text: visible(text), ...style })
}

function restyled(style: Style, parameters: string): Style {
  const codes = parameters.split(/[;:]/).map(Number)
  let next = style
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at] ?? 0
    if (code === 38 || code === 48) {
      // 256 colours take one more number, 24-bit colours three; only the first sixteen keep a readable contrast.
      const few = codes[at + 1] === 5
      const colour = codes[at + 2] ?? 16
      if (code === 38) next = { ...next, colour: few && colour < 16 ? colour : null }
      at += few ? 2 : 4
    } else next = afterCode(next, code)
  }
  return next
}

function afterCode(style: Style, code: number): Style {
  if (code === 0) return PLAIN
  if (code === 1) return { ...style, bold: true }
  if (code === 2) return { ...style, dim: true }
  if (code === 22) return { ...style, bold: false, dim: false }
  if (code === 39) return { ...style, colour: null }
  if (code >= 30 && code <= 37) return { ...style, colour: code - 30 }
  if (code >= 90 && code <= 97) return { ...style, colour: code - 82 }
  return style
}
