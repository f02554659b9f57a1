import { useEffect, useState } from 'react'

const SAID_MS = 2_000

/** Puts text on the clipboard; `outcome` says for a moment how that went. */
export function useCopy(): { copy: (text: string) => void; outcome: 'copied' | 'failed' | null } {
  const [outcome, setOutcome] = useState<'copied' | 'failed' | null>(null)
  useEffect(() => {
    if (outcome === null) return
    const timer = setTimeout(() => {
      setOutcome(null)
    }, SAID_MS)
    return () => {
      clearTimeout(timer)
    }
  }, [outcome])
  return {
    outcome,
    copy: (text) => {
      written(text).then(
        () => {
          setOutcome('copied')
        },
        () => {
          setOutcome('failed')
        },
      )
    },
  }
}

async function written(text: string): Promise<void> {
  // Browsers give the clipboard only to pages of https and of this machine.
  if (window.isSecureContext) await navigator.clipboard.writeText(text)
  else copiedByHand(text)
}

function copiedByHand(text: string): void {
  const area = document.createElement('textarea')
  area.value = text
  area.className = 'visually-hidden'
  // Beside what has the focus, for an open dialog lets nothing outside of it have it.
  const before = document.activeElement
  const home = before?.parentElement ?? document.body
  home.append(area)
  area.select()
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- there is nothing else on a page of plain http
  const done = document.execCommand('copy')
  area.remove()
  if (before instanceof HTMLElement) before.focus()
  if (!done) throw new Error('The browser did not copy.')
}
