import { pieces } from '../lib/ansi'

/** What a bot wrote, in its colours. It is only ever put into text nodes. */
export function LineText({ text }: { text: string }) {
  return pieces(text).map((piece, index) =>
    piece.colour === null && !piece.bold && !piece.dim ? (
      piece.text
    ) : (
      <span
        // The pieces of a line never change.
        key={index}
        data-ansi={piece.colour === null ? undefined : piece.colour % 8}
        data-bold={piece.bold || undefined}
        data-dim={piece.dim || undefined}
      >
        {piece.text}
      </span>
    ),
  )
}
