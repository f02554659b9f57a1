/** The browser's WebSocket with the other end in the test's hand. */
export class FakeWebSocket {
  static readonly OPEN = 1
  static made: FakeWebSocket[] = []

  static get latest(): FakeWebSocket {
    const latest = FakeWebSocket.made.at(-1)
    if (!latest) throw new Error('No WebSocket was opened.')
    return latest
  }

  readonly url: string
  readyState = 0
  readonly sent: unknown[] = []
  closed = false
  onopen: (() => void) | null = null
  onmessage: ((event: { data: string }) => void) | null = null
  onclose: ((event: { code: number }) => void) | null = null

  constructor(url: string) {
    this.url = url
    FakeWebSocket.made.push(this)
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text))
  }

  close(): void {
    this.readyState = 3
    this.closed = true
  }

  /** The deck lets it in. */
  accept(): void {
    this.readyState = 1
    this.onopen?.()
  }

  /** The deck says something. */
  say(message: unknown): void {
    this.onmessage?.({ data: JSON.stringify(message) })
  }

  /** The connection ends from the other side. */
  end(code = 1006): void {
    this.readyState = 3
    this.onclose?.({ code })
  }
}
